// Package lab runs the project's loopback lab (test/lab: DNS, policy hosts and MX hosts that misbehave on demand) as a
// process, and steers it over JSON lines.
package lab

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// Object is a JSON object.
type Object = map[string]any

// Endpoint is where a server of the lab listens.
type Endpoint struct {
	Address string
	Port    int
}

func (endpoint Endpoint) String() string {
	return net.JoinHostPort(endpoint.Address, strconv.Itoa(endpoint.Port))
}

// Lab is a running lab.
type Lab struct {
	DNS, HTTPS Endpoint
	CAPem      string
	// SMTPPort is the port of every MX host; each has an address of its own.
	SMTPPort int
	t        *testing.T
	mu       sync.Mutex
	input    io.WriteCloser
	output   *bufio.Reader
	last     int
}

// Start runs a lab until the test ends. It skips the test where Node or the built lab is missing, which is a failure when
// MTA_STS_TEST_ALL is set.
func Start(t *testing.T) *Lab {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(here), "../../../../dist/test/lab/main.js")
	if _, err := os.Stat(script); err != nil {
		missing(t, "the lab is not built (npm run build)")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	command := exec.Command(node, script)
	command.Stderr = os.Stderr
	input, errIn := command.StdinPipe()
	output, errOut := command.StdoutPipe()
	if errIn != nil || errOut != nil {
		t.Fatal(errIn, errOut)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lab := &Lab{t: t, SMTPPort: freePort(t), input: input, output: bufio.NewReaderSize(output, 1<<20)}
	t.Cleanup(func() {
		input.Close()
		command.Wait()
	})
	fmt.Fprintf(input, "{\"smtpPort\":%d}\n", lab.SMTPPort)
	var ready struct {
		DNS, HTTPS Endpoint
		CAPem      string
	}
	if err := json.Unmarshal(lab.line(), &ready); err != nil {
		t.Fatal(err)
	}
	lab.DNS, lab.HTTPS, lab.CAPem = ready.DNS, ready.HTTPS, ready.CAPem
	return lab
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("MTA_STS_TEST_ALL") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Roots hold the lab's CA and nothing else.
func (lab *Lab) Roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(lab.CAPem))
	return roots
}

func (lab *Lab) line() []byte {
	line, err := lab.output.ReadBytes('\n')
	if err != nil {
		lab.t.Fatalf("the lab ended: %v", err)
	}
	return line
}

// Call runs a command of test/lab/lab-protocol.ts and gives its value.
func (lab *Lab) Call(command string, arguments ...any) json.RawMessage {
	lab.t.Helper()
	lab.mu.Lock()
	defer lab.mu.Unlock()
	lab.last++
	request, err := json.Marshal(Object{"id": lab.last, "command": command, "args": append([]any{}, arguments...)})
	if err != nil {
		lab.t.Fatal(err)
	}
	fmt.Fprintf(lab.input, "%s\n", request)
	var answer struct {
		ID    int
		OK    bool
		Error string
		Value json.RawMessage
	}
	if err := json.Unmarshal(lab.line(), &answer); err != nil {
		lab.t.Fatal(err)
	}
	if !answer.OK {
		lab.t.Fatalf("lab: %s: %s", command, answer.Error)
	}
	return answer.Value
}

// Domain describes a domain (test/lab/domain-spec.ts).
func (lab *Lab) Domain(name string, spec Object) {
	lab.t.Helper()
	lab.Call("domain", name, spec)
}

// Into runs a command and reads its value.
func Into[T any](lab *Lab, command string, arguments ...any) T {
	lab.t.Helper()
	var value T
	if err := json.Unmarshal(lab.Call(command, arguments...), &value); err != nil {
		lab.t.Fatal(err)
	}
	return value
}
