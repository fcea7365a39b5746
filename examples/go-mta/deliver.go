package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"strconv"
	"time"

	mtasts "mta-sts-engine.example/mtasts"
)

// Sender delivers messages to one recipient domain at a time, as the delivery loop of an MTA does.
type Sender struct {
	Core     *mtasts.Core
	Policies *mtasts.Client
	DNS      mtasts.Resolver
	// Name is what EHLO says.
	Name string
	// Roots for MX hosts; nil: those of the system.
	Roots *x509.CertPool
	Port  int
}

// ErrLater says that the message stays in the queue.
var ErrLater = errors.New("deferred")

const sessionTimeout = time.Minute

// Deliver tries the MX hosts of the recipient's domain in order. An error that is ErrLater means: keep the message. When
// its time in the queue is over, ask Policies.Recheck once more before it is failed for good (RFC 8461 §5.1).
func (sender *Sender) Deliver(ctx context.Context, from, to, domain string, message []byte) error {
	decision, err := sender.Policies.Lookup(ctx, domain)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	hosts, err := mtasts.MXHosts(ctx, sender.DNS, decision.Domain)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	plan, err := sender.Core.PlanFor(decision, hosts, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLater, err)
	}
	var failures []error
	for i, entry := range plan {
		failure := sender.try(ctx, entry, i == len(plan)-1, from, to, message)
		if failure == nil {
			return nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", entry.Host, failure))
	}
	return fmt.Errorf("%w: %w", ErrLater, errors.Join(failures...))
}

// try delivers to one host, or says why not. Whether the message may go is judged before MAIL FROM, on what was seen.
func (sender *Sender) try(
	ctx context.Context, entry mtasts.PlanEntry, last bool, from, to string, message []byte,
) error {
	facts := mtasts.JudgeRequest{Entry: entry, Session: mtasts.SessionNotConnected, Last: last}
	var session *smtp.Client
	if entry.Action != mtasts.ActionSkip {
		session = sender.open(ctx, &facts)
	}
	if session != nil {
		defer session.Close()
	}
	judged, err := sender.Core.Judge(facts)
	if err != nil {
		return err
	}
	if judged.Verdict != mtasts.JudgeDeliver || session == nil {
		// judged.ResultType is what a TLSRPT report calls this session.
		return fmt.Errorf("%v: %v", judged.Verdict, judged.Why)
	}
	return send(session, from, to, message)
}

// open connects, starts TLS where it is offered, and notes how far the session came.
func (sender *Sender) open(ctx context.Context, facts *mtasts.JudgeRequest) *smtp.Client {
	addresses, err := sender.DNS.LookupAddresses(ctx, facts.Entry.Host)
	if err != nil {
		return nil
	}
	for _, address := range addresses.Items {
		target := net.JoinHostPort(address.String(), strconv.Itoa(sender.Port))
		connection, err := (&net.Dialer{Timeout: sessionTimeout}).DialContext(ctx, "tcp", target)
		if err != nil {
			continue
		}
		connection.SetDeadline(time.Now().Add(sessionTimeout))
		session, err := smtp.NewClient(connection, facts.Entry.Host)
		if err != nil || session.Hello(sender.Name) != nil {
			connection.Close()
			continue
		}
		return sender.startTLS(session, facts)
	}
	return nil
}

func (sender *Sender) startTLS(session *smtp.Client, facts *mtasts.JudgeRequest) *smtp.Client {
	facts.Session = mtasts.SessionNoStarttls
	if offered, _ := session.Extension("STARTTLS"); !offered {
		return session
	}
	// Verified by Judge, not here: what is only to be reported must not fail.
	config := &tls.Config{ServerName: facts.Entry.Host, InsecureSkipVerify: true}
	if err := session.StartTLS(config); err != nil {
		facts.Session = mtasts.SessionHandshakeFailed
		session.Close()
		return nil
	}
	state, _ := session.TLSConnectionState()
	facts.Session, facts.TLSVersion = mtasts.SessionTLS, state.Version
	facts.Chain = mtasts.ChainOf(state.PeerCertificates, sender.Roots, time.Now())
	if len(state.PeerCertificates) > 0 {
		facts.Names = state.PeerCertificates[0].DNSNames
	}
	return session
}

func send(session *smtp.Client, from, to string, message []byte) error {
	if err := session.Mail(from); err != nil {
		return err
	}
	if err := session.Rcpt(to); err != nil {
		return err
	}
	data, err := session.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(message); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	return session.Quit()
}
