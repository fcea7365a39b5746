package mtasts

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// testPeer is the certificate of a name: a DER SEQUENCE around the name, its key one around "key of" the name's last part.
func testPeer(name string) PeerCertificate {
	sequence := func(text string) []byte { return append([]byte{0x30, byte(len(text))}, text...) }
	return PeerCertificate{sequence(name), sequence("key of " + name[strings.LastIndex(name, "/")+1:])}
}

// testTLSA is the RDATA of "USAGE SELECTOR MATCHING NAME".
func testTLSA(t *testing.T, text string) []byte {
	t.Helper()
	text, short := strings.CutPrefix(text, "short ")
	parts := strings.SplitN(text, " ", 4)
	rdata := []byte{}
	for _, part := range parts[:3] {
		number, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		rdata = append(rdata, byte(number))
	}
	peer := testPeer(parts[3])
	selected := peer.PublicKey
	if rdata[1] == 0 {
		selected = peer.Certificate
	}
	switch rdata[2] {
	case 0:
	case 1:
		digest := sha256.Sum256(selected)
		selected = digest[:]
	default:
		digest := sha512.Sum512(selected)
		selected = digest[:]
	}
	rdata = append(rdata, selected...)
	if short {
		rdata = rdata[:len(rdata)-1]
	}
	return rdata
}

func tlsaRecord(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return testTLSA(t, text)
	}
	if raw[0] == '{' {
		var whole struct{ Rdata octets }
		if err := strict(raw, &whole); err != nil {
			t.Fatal(err)
		}
		return whole.Rdata
	}
	var parts [4]json.RawMessage
	var numbers [3]byte
	var data octets
	if err := json.Unmarshal(raw, &parts); err != nil {
		t.Fatal(err)
	}
	for i := range numbers {
		if err := json.Unmarshal(parts[i], &numbers[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(parts[3], &data); err != nil {
		t.Fatal(err)
	}
	return append(numbers[:], data...)
}

type tlsaVector struct {
	vectorHead
	Records []json.RawMessage
}

func (v tlsaVector) run(t *testing.T, core *Core) any {
	var rrset [][]byte
	for _, raw := range v.Records {
		rrset = append(rrset, tlsaRecord(t, raw))
	}
	state, kept, err := core.UsableTLSA(rrset)
	if err != nil {
		t.Fatal(err)
	}
	remain := []int{}
	for _, record := range kept {
		remain = append(remain, indexOf(rrset, record))
	}
	return object{"state": state.String(), "remain": remain}
}

func indexOf(list [][]byte, wanted []byte) int {
	for i, one := range list {
		if bytes.Equal(one, wanted) {
			return i
		}
	}
	return -1
}

type tlsaBaseVector struct {
	vectorHead
	Addresses, Expanded, Original string
}

func (v tlsaBaseVector) run(t *testing.T, core *Core) any {
	outcome := func(word string) DANEState { return byWord[DANEState](t, or(word, "unknown")) }
	state, base, err := core.TLSABase(byWord[Addresses](t, v.Addresses), outcome(v.Expanded), outcome(v.Original))
	if err != nil {
		t.Fatal(err)
	}
	text := state.String()
	if state == DANEUnknown {
		text = "ask"
	}
	if base != BaseNone {
		text += " " + base.String()
	}
	return text
}

type tlsaMatchVector struct {
	vectorHead
	Records, Certificates []string
}

func (v tlsaMatchVector) run(t *testing.T, core *Core) any {
	var records [][]byte
	var peers []PeerCertificate
	for _, text := range v.Records {
		records = append(records, testTLSA(t, text))
	}
	for _, name := range v.Certificates {
		peers = append(peers, testPeer(name))
	}
	matches, err := core.MatchTLSA(records, peers)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, match := range matches {
		lines = append(lines, fmt.Sprintf("%s -> %d", v.Records[indexOf(records, match.Record)], match.Certificate))
	}
	return lines
}
