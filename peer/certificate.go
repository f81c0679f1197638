package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hortusdb/hortus/aws"
)

// uriPrefix begins the URI by which a certificate names a cell, as in
// hortus://cell/111111111111/us-east-1.
const uriPrefix = "hortus://cell/"

// CellURI is the URI that a certificate has among its subject alternative names
// for each cell that its node may speak for. There are no wildcards.
func CellURI(c aws.Cell) *url.URL {
	return &url.URL{Scheme: "hortus", Host: "cell", Path: "/" + c.String()}
}

// CertifiedCells returns the cells that a certificate names. URIs of other kinds
// mean nothing here.
func CertifiedCells(cert *x509.Certificate) map[aws.Cell]bool {
	cells := map[aws.Cell]bool{}
	for _, u := range cert.URIs {
		name, ok := strings.CutPrefix(u.String(), uriPrefix)
		if c, err := aws.ParseCell(name); ok && err == nil {
			cells[c] = true
		}
	}
	return cells
}

// CheckCertificate reports a cell that a certificate does not name.
func CheckCertificate(cert *x509.Certificate, cells []aws.Cell) error {
	named := CertifiedCells(cert)
	for _, c := range cells {
		if !named[c] {
			return fmt.Errorf("peer: the certificate does not name %v (want the URI %s among its subject alternative names)", c, CellURI(c))
		}
	}
	return nil
}

// serverTLS is how a node lets others in: only with a certificate of our
// authority. What it may speak for is checked on each message.
func serverTLS(o *Options) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: o.Roots,
		NextProtos:     []string{messagesProtocol},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return o.Certificate() },
	}
}

// clientTLS is how a node reaches another one. Who answers is not known by the
// name of a host: its certificate must name the cells that are looked for there.
func clientTLS(o *Options, n *Node) *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return o.Certificate() },
		InsecureSkipVerify:   true, // VerifyConnection checks the chain, and the cells in place of a host's name.
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 {
				return errors.New("peer: the node shows no certificate")
			}
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			leaf := s.PeerCertificates[0]
			_, err := leaf.Verify(x509.VerifyOptions{
				Roots: o.Roots, Intermediates: between, CurrentTime: o.Clock.Now(),
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			})
			if err != nil {
				return fmt.Errorf("peer: the node's certificate: %w", err)
			}
			return CheckCertificate(leaf, n.Cells)
		},
	}
}
