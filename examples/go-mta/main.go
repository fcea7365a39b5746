// go-mta delivers one message from standard input, as an MTA that is written in Go would with the mtasts package:
//
//	go run . -store /var/lib/go-mta/policies -from a@example.org -to b@example.com <message.eml
//
// Exit code 0: delivered, 75 (EX_TEMPFAIL): to be tried again later.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	mtasts "mta-sts-engine.example/mtasts"
)

func main() {
	directory := flag.String("store", "policies", "directory of the policy cache")
	from := flag.String("from", "", "envelope sender")
	to := flag.String("to", "", "recipient")
	name := flag.String("name", "localhost", "name for EHLO")
	flag.Parse()
	if err := run(*directory, *from, *to, *name); err != nil {
		fmt.Fprintln(os.Stderr, "go-mta:", err)
		os.Exit(75)
	}
}

func run(directory, from, to, name string) error {
	message, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	core, err := mtasts.NewCore(context.Background())
	if err != nil {
		return err
	}
	defer core.Close(context.Background())
	store, err := mtasts.OpenFileStore(directory)
	if err != nil {
		return err
	}
	dns := mtasts.NewDNSClient()
	policies, err := mtasts.NewClient(core, mtasts.Options{DNS: dns, Store: store, Log: slog.Default()})
	if err != nil {
		return err
	}
	defer policies.Close()
	sender := &Sender{Core: core, Policies: policies, DNS: dns, Name: name, Port: 25}
	_, domain, _ := strings.Cut(to, "@")
	return sender.Deliver(context.Background(), from, to, domain, message)
}
