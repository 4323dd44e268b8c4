package definition_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"dochook/hooks/definition"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// pair makes a certificate that signed itself, and its key.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8)
}

func TestCertificates(t *testing.T) {
	one, key := pair(t)
	two, otherKey := pair(t)
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(small))
	const https, http = "https://shop.example/in", "http://shop.example/in"
	for _, tt := range []struct {
		name, url            string
		ca, certificate, key string
		field, text          string // of the refusal
		authorities          bool
		own                  int // certificates in the chain
	}{
		{name: "none", url: http},
		{name: "an authority", url: https, ca: one, authorities: true},
		{name: "two of them, blanks around", url: "HTTPS://shop.example/{{doc.name}}", ca: "\n" + one + "\n" + two + "\n\n", authorities: true},
		{name: "a client certificate", url: https, certificate: one, key: key, own: 1},
		{name: "with a chain behind it", url: https, certificate: one + two, key: key, own: 2},
		{name: "all", url: https, ca: two, certificate: one, key: key, authorities: true, own: 1},

		{name: "http", url: http, ca: one, field: "ca_certificate", text: "https"},
		{name: "http", url: http, certificate: one, key: key, field: "client_certificate", text: "https"},
		{name: "not PEM", url: https, ca: "sesame", field: "ca_certificate", text: "PEM"},
		{name: "more than that", url: https, ca: one + "sesame", field: "ca_certificate", text: "after certificate 1"},
		{name: "a key", url: https, ca: one + key, field: "ca_certificate", text: "client_key"},
		{name: "something else", url: https, ca: block("PUBLIC KEY", []byte("sesame")), field: "ca_certificate", text: "else"},
		{name: "no certificate inside", url: https, ca: block("CERTIFICATE", []byte("sesame")), field: "ca_certificate", text: "read"},
		{name: "endless", url: https, ca: strings.Repeat(one, 200), field: "ca_certificate", text: "longer"},
		{name: "no key", url: https, certificate: one, field: "client_key", text: "without its key"},
		{name: "a key alone", url: https, key: key, field: "client_certificate", text: "without its certificate"},
		{name: "another's key", url: https, certificate: one, key: otherKey, field: "client_key", text: "not the key of"},
		{name: "a key of another kind", url: https, certificate: one, key: pkcs1, field: "client_key", text: "not the key of"},
		{name: "a certificate as key", url: https, certificate: one, key: one, field: "client_key", text: "private key"},
		{name: "no key inside", url: https, certificate: one, key: block("PRIVATE KEY", []byte("sesame")), field: "client_key", text: "read"},
		{name: "an encrypted key", url: https, certificate: one, key: block("ENCRYPTED PRIVATE KEY", []byte("sesame")), field: "client_key", text: "passphrase"},
		{name: "two keys", url: https, certificate: one, key: key + otherKey, field: "client_key", text: "after the key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := definition.Webhook{RequestURL: tt.url, CACertificate: tt.ca, ClientCertificate: tt.certificate, ClientKey: tt.key}
			authorities, own, err := w.Certificates()
			if tt.field != "" {
				refused, ok := errors.AsType[*definition.Error](err)
				if !ok || refused.Field != tt.field || !strings.Contains(refused.Message, tt.text) || strings.Contains(refused.Error(), "sesame") {
					t.Errorf("%v, want a refusal of %s about %q", err, tt.field, tt.text)
				}
				return
			}
			if err != nil || (authorities != nil) != tt.authorities || (own != nil) != (tt.own > 0) || own != nil && len(own.Certificate) != tt.own {
				t.Errorf("%v, %v, %v", authorities, own, err)
			}
		})
	}
}

func TestParse_max_per_second(t *testing.T) {
	for value, ok := range map[string]bool{
		"0": true, "0.5": true, "10000": true, "null": true, "10000.1": false, "-1": false, "1e300": false, `"5"`: false, "true": false,
	} {
		base := definition.Default()
		base.Name, base.WebhookDocType, base.RequestURL, base.Events = "w", "D", "https://x.example/", []string{"on_insert"}
		w, err := definition.Parse(base, []byte(`{"max_per_second":`+value+`}`))
		if err == nil {
			err = w.Normalise()
		}
		if own, refused := errors.AsType[*definition.Error](err); refused == ok || refused && own.Field != "max_per_second" {
			t.Errorf("%s: %v", value, err)
		}
	}
}
