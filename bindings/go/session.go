package mtasts

import (
	"crypto/x509"
	"errors"
	"time"
)

// ChainOf says what the certificates that a server sent are worth, apart from the name; for Judge. roots nil: those of the
// system. Let crypto/tls not verify (InsecureSkipVerify) in an SMTP session and judge it with this instead: so a host that
// is only to be reported (testing) still gets its mail.
func ChainOf(sent []*x509.Certificate, roots *x509.CertPool, now time.Time) Chain {
	if len(sent) == 0 {
		return ChainNoCertificate
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, certificate := range sent[1:] {
		options.Intermediates.AddCert(certificate)
	}
	_, err := sent[0].Verify(options)
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return ChainValid
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
		return ChainNotYetValid
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ChainExpired
	case errors.As(err, &unknown):
		return ChainUntrusted
	}
	return ChainInvalid
}
