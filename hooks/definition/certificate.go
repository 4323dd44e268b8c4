package definition

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const (
	maxPEM      = 64 << 10 // bytes
	blockOfCert = "CERTIFICATE"
)

// Certificates returns what an https connection is made with: the authorities to trust, nil for those of the system, and the
// certificate to show with its key, nil for none. An error names the field; it never quotes what stands there.
func (w *Webhook) Certificates() (authorities *x509.CertPool, own *tls.Certificate, err error) {
	https := strings.HasPrefix(strings.ToLower(strings.TrimSpace(w.RequestURL)), "https://")
	for _, f := range []struct {
		name string
		text *string
	}{{"ca_certificate", &w.CACertificate}, {"client_certificate", &w.ClientCertificate}, {"client_key", &w.ClientKey}} {
		*f.text = strings.TrimSpace(*f.text)
		switch {
		case *f.text == "":
		case !https:
			return nil, nil, errorf(CodeInvalid, f.name, "is for https URLs only, and request_url is none")
		case len(*f.text) > maxPEM:
			return nil, nil, errorf(CodeInvalid, f.name, "is longer than %d bytes", maxPEM)
		}
	}
	if w.CACertificate != "" {
		found, err := parseCertificates("ca_certificate", w.CACertificate)
		if err != nil {
			return nil, nil, err
		}
		authorities = x509.NewCertPool()
		for _, c := range found {
			authorities.AddCert(c)
		}
	}
	own, err = w.clientPair()
	return authorities, own, err
}

// clientPair is the certificate to show, nil for none.
func (w *Webhook) clientPair() (*tls.Certificate, error) {
	switch {
	case w.ClientCertificate == "" && w.ClientKey == "":
		return nil, nil //nolint:nilnil // none, and nothing wrong with that
	case w.ClientKey == "":
		return nil, errorf(CodeMandatory, "client_key", "client_certificate is of no use without its key")
	case w.ClientCertificate == "":
		return nil, errorf(CodeMandatory, "client_certificate", "client_key is of no use without its certificate")
	}
	if _, err := parseCertificates("client_certificate", w.ClientCertificate); err != nil {
		return nil, err
	}
	if err := checkKey(w.ClientKey); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair([]byte(w.ClientCertificate), []byte(w.ClientKey))
	if err != nil { // both are well-formed by now
		return nil, &Error{CodeWord: CodeInvalid, Field: "client_key", Message: "is not the key of client_certificate", Err: err}
	}
	return &pair, nil
}

// parseCertificates reads a text that is nothing but certificates, at least one.
func parseCertificates(field, text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for rest := []byte(text); len(rest) > 0; {
		block, after := pem.Decode(rest)
		switch {
		case block == nil && len(found) == 0:
			return nil, errorf(CodeInvalid, field, "is not PEM: it begins with -----BEGIN CERTIFICATE-----")
		case block == nil:
			return nil, errorf(CodeInvalid, field, "goes on with something else after certificate %d", len(found))
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, errorf(CodeInvalid, field, "holds a private key, which belongs in client_key")
		case block.Type != blockOfCert:
			return nil, errorf(CodeInvalid, field, "holds something else than certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, &Error{CodeWord: CodeInvalid, Field: field, Message: "holds a certificate that cannot be read", Err: err}
		}
		found, rest = append(found, c), after
	}
	return found, nil
}

// checkKey refuses what is no unencrypted private key.
func checkKey(text string) error {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return errorf(CodeInvalid, "client_key", "is not a private key in PEM")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return errorf(CodeInvalid, "client_key", "is protected by a passphrase: give it without one")
	case len(rest) > 0:
		return errorf(CodeInvalid, "client_key", "goes on with something else after the key")
	}
	_, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		_, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		_, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if err != nil {
		return &Error{CodeWord: CodeInvalid, Field: "client_key", Message: "cannot be read as an RSA, ECDSA or Ed25519 key", Err: err}
	}
	return nil
}
