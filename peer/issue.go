package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/hortusdb/hortus/aws"
)

// Authority signs the certificates of nodes. It is for rehearsals and tests:
// who runs nodes for others has an authority of its own.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority that is valid from a little before now on.
func NewAuthority(now time.Time, valid time.Duration) (*Authority, error) {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Hortus rehearsal authority"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(valid),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("peer: key: %w", err)
	}
	cert, err := sign(template, template, key, key)
	return &Authority{cert, key}, err
}

// backdate allows for clocks that differ.
const backdate = time.Hour

// sign makes a certificate of a template, with a serial number of its own.
func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("peer: serial number: %w", err)
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// LoadAuthority reads what PEM wrote.
func LoadAuthority(certificate, key []byte) (*Authority, error) {
	c, _ := pem.Decode(certificate)
	k, _ := pem.Decode(key)
	if c == nil || k == nil {
		return nil, errors.New("peer: the authority's files hold no PEM")
	}
	cert, err := x509.ParseCertificate(c.Bytes)
	if err != nil {
		return nil, fmt.Errorf("peer: the authority's certificate: %w", err)
	}
	private, err := x509.ParseECPrivateKey(k.Bytes)
	if err != nil {
		return nil, fmt.Errorf("peer: the authority's key: %w", err)
	}
	if !cert.IsCA || !private.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("peer: the authority's certificate and key do not belong together")
	}
	return &Authority{cert, private}, nil
}

// PEM returns the authority's certificate and its key.
func (a *Authority) PEM() (certificate, key []byte, err error) { return encode(a.certificate, a.key) }

// Issue makes a certificate for a node, which may speak for the cells, and its
// key. By hosts, names and IP addresses, clients know the node; peers do not ask
// for them.
func (a *Authority) Issue(now time.Time, valid time.Duration, name string, cells []aws.Cell, hosts ...string) (certificate, key []byte, err error) {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(valid),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, c := range cells {
		template.URIs = append(template.URIs, CellURI(c))
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("peer: key: %w", err)
	}
	cert, err := sign(template, a.certificate, private, a.key)
	if err != nil {
		return nil, nil, err
	}
	return encode(cert, private)
}

func encode(cert *x509.Certificate, key *ecdsa.PrivateKey) (certificate, private []byte, err error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("peer: key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}
