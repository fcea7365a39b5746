package mtasts

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
)

// UsableTLSA says what a TLSA RRset that DNSSEC authenticated is worth, and which records (RDATA) remain (RFC 7672 §3.1).
func (core *Core) UsableTLSA(rrset [][]byte) (DANEState, [][]byte, error) {
	list, err := listOf(rrset)
	if err != nil {
		return DANEFailed, nil, err
	}
	answer, err := core.ask("mtasts_tlsa_usable", list)
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return DANEFailed, nil, err
	}
	var remain [][]byte
	for at := 8; at < len(answer.payload); at += 8 {
		start := answer.u32(at)
		remain = append(remain, list[start:start+answer.u32(at+4)])
	}
	return DANEState(answer.u32(0)), remain, nil
}

// TLSABase says where the TLSA records of an MX host stand, or which candidate to ask for next: then the state is
// DANEUnknown. expanded and original are the outcomes of the candidates, DANEUnknown where not yet asked (RFC 7672 §2.2).
func (core *Core) TLSABase(addresses Addresses, expanded, original DANEState) (DANEState, Base, error) {
	const name = "mtasts_tlsa_base"
	answer, err := core.exchange(name, nil, func(in *instance) (int32, error) {
		return in.call(context.Background(), name, uint32(addresses), uint32(expanded), uint32(original))
	})
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return DANEFailed, BaseNone, err
	}
	return DANEState(answer.u32(0)), Base(answer.u32(4)), nil
}

// PeerCertificate is a certificate that a server sent and its SubjectPublicKeyInfo, both DER.
type PeerCertificate struct{ Certificate, PublicKey []byte }

// PeerCertificates are those of a TLS session, in the order they were sent.
func PeerCertificates(sent []*x509.Certificate) []PeerCertificate {
	peers := make([]PeerCertificate, len(sent))
	for i, certificate := range sent {
		peers[i] = PeerCertificate{certificate.Raw, certificate.RawSubjectPublicKeyInfo}
	}
	return peers
}

// TLSAMatch is a record (RDATA) and the certificate it matches, counted from 0, the server's own.
type TLSAMatch struct {
	Record      []byte
	Certificate int
}

// MatchTLSA says which records match which certificates (RFC 6698 §2.1). What a DANE-TA match is worth the caller must
// find out: whether that certificate issues a valid chain to the server's.
func (core *Core) MatchTLSA(records [][]byte, certificates []PeerCertificate) ([]TLSAMatch, error) {
	list, err := listOf(records)
	if err != nil {
		return nil, err
	}
	var peers []byte
	for _, certificate := range certificates {
		peers = certificate.appendTo(peers)
	}
	f := newFrame(mSize)
	f.put(mVersion, frameVersion)
	f.part(mRecords, list)
	f.part(mCertificates, peers)
	answer, err := core.ask("mtasts_tlsa_match", f.octets)
	if err == nil {
		err = answer.err()
	}
	if err != nil {
		return nil, err
	}
	matches := make([]TLSAMatch, answer.status)
	for i := range matches {
		at := i * matchEntry
		start := answer.u32(at)
		matches[i] = TLSAMatch{f.octets[start : start+answer.u32(at+4)], int(answer.u32(at + 8))}
	}
	return matches, nil
}

// appendTo lays a certificate out as tlsa_match has it: four digests, then both in full behind their lengths.
func (peer *PeerCertificate) appendTo(list []byte) []byte {
	for _, der := range [][]byte{peer.Certificate, peer.PublicKey} {
		short, long := sha256.Sum256(der), sha512.Sum512(der)
		list = append(append(list, short[:]...), long[:]...)
	}
	for _, der := range [][]byte{peer.Certificate, peer.PublicKey} {
		list = append(binary.LittleEndian.AppendUint32(list, uint32(len(der))), der...)
	}
	return list
}
