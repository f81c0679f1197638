package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/peer"
	"github.com/hortusdb/hortus/router"
)

// config is the file of `hortus serve`; docs/tutorials/serve.md explains it.
// Names of files in it are taken from where it is.
type config struct {
	Name        string              `json:"name"`       // Of the node, for its log.
	Listen      string              `json:"listen"`     // For clients, as in 0.0.0.0:8000.
	TLS         *keyPair            `json:"tls"`        // Of the clients' side; without it that is plain HTTP.
	Data        string              `json:"data"`       // Directory.
	Durability  string              `json:"durability"` // As --durability of dev; sync.
	Cache       string              `json:"cache"`      // As --cache of dev.
	Cells       []cellConfig        `json:"cells"`
	Credentials []router.Credential `json:"credentials"`
	Peer        *peerConfig         `json:"peer"` // Needed where there are peers.
	Peers       []nodeConfig        `json:"peers"`
	Throttle    *bool               `json:"throttle"`         // Holds tables to their capacity; true.
	SeedRate    string              `json:"seed_rate"`        // Bytes a second, as in 64MiB, that a cell sends to newcomers at most.
	Divergence  string              `json:"divergence_check"` // How often replicas are compared, as in 24h; without it never.
	Metrics     string              `json:"metrics"`          // Where Prometheus reads, as in 127.0.0.1:9100; without it nowhere.
	Rehearsal   bool                `json:"rehearsal"`        // Lets any credential isolate Regions and set conditions of links.

	dir   string
	cells []aws.Cell
}

type keyPair struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

type cellConfig struct {
	Account aws.Account `json:"account"`
	Region  aws.Region  `json:"region"`
}

// peerConfig is this node as its peers know it.
type peerConfig struct {
	Listen    string `json:"listen"`
	Authority string `json:"authority"` // Certificates of who may certify nodes.
	keyPair
}

// nodeConfig is another node.
type nodeConfig struct {
	Address string       `json:"address"`
	Cells   []cellConfig `json:"cells"`
}

// readConfig reads and checks a file.
func readConfig(file string) (*config, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	c := &config{dir: filepath.Dir(file), Durability: "sync"}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("--config %s: %w", file, err)
	}
	if d.More() {
		return nil, fmt.Errorf("--config %s: there is more after the first object", file)
	}
	if err := errors.Join(givenOnce(b), c.check()); err != nil {
		return nil, fmt.Errorf("--config %s:\n%w", file, err)
	}
	return c, nil
}

// check reports all that is wrong at once.
func (c *config) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("  "+format, args...)) }
	if err := checkAddress(c.Listen); err != nil {
		wrong("listen: want an address and a port, as in 127.0.0.1:8000: %w", err)
	}
	if c.Metrics != "" {
		if err := checkAddress(c.Metrics); err != nil {
			wrong("metrics: want an address and a port, as in 127.0.0.1:9100: %w", err)
		}
	}
	if c.Data == "" {
		wrong("data: want a directory")
	}
	if c.TLS != nil && (c.TLS.Certificate == "" || c.TLS.Key == "") {
		wrong("tls: want a certificate and a key, both names of files")
	}
	if len(c.Credentials) == 0 {
		wrong("credentials: want at least one {id, secret, account}; nobody is let in without")
	}
	if err := checkCredentials(c.Credentials); err != nil {
		wrong("credentials: %w", err)
	}
	if len(c.Cells) == 0 {
		wrong("cells: want at least one {account, region}")
	}
	where := map[aws.Cell]string{}
	c.cells = checkCells(c.Cells, "cells", where, wrong)
	c.checkAccounts(wrong)
	c.checkListeners(wrong)
	at := map[string]string{}
	for i, n := range c.Peers {
		name := fmt.Sprintf("peers[%d]", i)
		if err := checkAddress(n.Address); err != nil {
			wrong("%s.address: want an address and a port: %w", name, err)
		} else if c.Peer != nil && sameListener(n.Address, c.Peer.Listen) {
			wrong("%s.address: %s is this node itself, as peer.listen says; peers are the other nodes: leave it out", name, n.Address)
		}
		if there := at[n.Address]; there != "" {
			wrong("%s.address: %s is that of %s already: name all cells of a node in one entry", name, n.Address, there)
		}
		at[n.Address] = name
		if len(n.Cells) == 0 {
			wrong("%s.cells: want at least one {account, region}", name)
		}
		checkCells(n.Cells, name+".cells", where, wrong)
	}
	if c.Peer == nil && len(c.Peers) > 0 {
		wrong("peer: want listen, certificate, key and authority, since there are peers")
	}
	if p := c.Peer; p != nil {
		if err := checkAddress(p.Listen); err != nil || p.Certificate == "" || p.Key == "" || p.Authority == "" {
			wrong("peer: want listen (an address and a port), certificate, key and authority (names of files)")
		}
	}
	return errors.Join(errs...)
}

// checkAccounts refuses credentials of accounts that have nothing here: a node acts
// for its own cells alone, and passes on what is for others with the signature that
// it came with.
func (c *config) checkAccounts(wrong func(string, ...any)) {
	for i, x := range c.Credentials {
		has := func(id aws.Cell) bool { return id.Account == x.Account }
		if x.Account.Valid() && len(c.cells) > 0 && !slices.ContainsFunc(c.cells, has) {
			wrong("credentials: entry %d: account %s has no cell on this node, so that the key would be good for nothing: give the account a cell in cells, or put the entry into the configuration of the node that has its cells", i+1, x.Account)
		}
	}
}

// checkListeners refuses two listeners on one port of one address.
func (c *config) checkListeners(wrong func(string, ...any)) {
	type listener struct{ name, address string }
	all := []listener{{"listen", c.Listen}, {"metrics", c.Metrics}}
	if c.Peer != nil {
		all = append(all, listener{"peer.listen", c.Peer.Listen})
	}
	for i, x := range all {
		for _, y := range all[:i] {
			if collide(x.address, y.address) {
				wrong("%s: %s takes the port of %s, %s: want another one", x.name, x.address, y.name, y.address)
			}
		}
	}
}

// collide reports whether one machine cannot listen on both addresses. Names of hosts
// are not looked up, but for the usual one.
func collide(x, y string) bool {
	host1, port1, err1 := net.SplitHostPort(x)
	host2, port2, err2 := net.SplitHostPort(y)
	n1, err3 := strconv.Atoi(port1)
	n2, err4 := strconv.Atoi(port2)
	if errors.Join(err1, err2, err3, err4) != nil || n1 != n2 || n1 == 0 {
		return false // Or wrong by itself, and told so.
	}
	ip := func(host string) net.IP {
		switch host {
		case "":
			return net.IPv6unspecified
		case "localhost":
			return net.IPv4(127, 0, 0, 1)
		}
		return net.ParseIP(host)
	}
	a, b := ip(host1), ip(host2)
	switch {
	case a == nil || b == nil:
		return host1 == host2
	case a.Equal(net.IPv6unspecified) || b.Equal(net.IPv6unspecified):
		return true
	case a.IsUnspecified() || b.IsUnspecified():
		return (a.To4() == nil) == (b.To4() == nil)
	}
	return a.Equal(b)
}

// givenOnce refuses a member that is given twice in one object: the last one would
// count, and nobody would see that the first does not. Names are taken whatever their
// case, as the decoder takes them. b is JSON.
func givenOnce(b []byte) error {
	var errs []error
	d := json.NewDecoder(bytes.NewReader(b))
	var value func(where string)
	value = func(where string) {
		token, err := d.Token()
		if err != nil {
			errs = append(errs, err)
			return
		}
		open, ok := token.(json.Delim)
		seen := map[string]bool{}
		for i := 0; ok && d.More(); i++ {
			if open == '[' {
				value(fmt.Sprintf("%s[%d].", strings.TrimSuffix(where, "."), i))
				continue
			}
			key, err := d.Token()
			if err != nil {
				errs = append(errs, err)
				return
			}
			name, _ := key.(string)
			if folded := strings.ToLower(name); seen[folded] {
				errs = append(errs, fmt.Errorf("  %s%s: it is given twice", where, name))
			} else {
				seen[folded] = true
			}
			value(where + name + ".")
		}
		if ok { // The end of it.
			if _, err := d.Token(); err != nil {
				errs = append(errs, err)
			}
		}
	}
	value("")
	return errors.Join(errs...)
}

// sameListener reports whether whoever calls an address from this machine comes to
// what listens on another one. Names of hosts are not looked up.
func sameListener(called, listens string) bool {
	host, port, err1 := net.SplitHostPort(called)
	own, ownPort, err2 := net.SplitHostPort(listens)
	if err1 != nil || err2 != nil || port != ownPort || port == "0" {
		return false
	}
	a, b := net.ParseIP(host), net.ParseIP(own)
	anywhere := own == "" || (b != nil && b.IsUnspecified())
	here := host == "" || host == "localhost" || (a != nil && (a.IsLoopback() || a.IsUnspecified()))
	return host == own || (anywhere && here)
}

// checkCells checks a list of cells, none of which may be named twice.
func checkCells(list []cellConfig, name string, where map[aws.Cell]string, wrong func(string, ...any)) []aws.Cell {
	var out []aws.Cell
	for i, c := range list {
		id := aws.Cell{Account: c.Account, Region: c.Region}
		here := fmt.Sprintf("%s[%d]", name, i)
		if !c.Account.Valid() {
			wrong("%s.account: want twelve digits", here)
			continue
		}
		if err := aws.CheckRegion(c.Region); err != nil {
			wrong("%s.region: %w", here, err)
			continue
		}
		if there := where[id]; there != "" {
			wrong("%s: %v is in %s already; a cell is on one node", here, id, there)
		}
		where[id] = here
		out = append(out, id)
	}
	return out
}

// path is a file named in the configuration.
func (c *config) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.dir, name)
}

// load reads a certificate and its key.
func (c *config) load(k *keyPair) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(c.path(k.Certificate), c.path(k.Key))
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", k.Certificate, err)
	}
	return &cert, nil
}

// nodes lists the other nodes.
func (c *config) nodes() []peer.Node {
	var out []peer.Node
	for _, n := range c.Peers {
		node := peer.Node{Address: n.Address}
		for _, id := range n.Cells {
			node.Cells = append(node.Cells, aws.Cell{Account: id.Account, Region: id.Region})
		}
		out = append(out, node)
	}
	return out
}

// trust reads the node's own certificate, which has to name its cells, and the
// authority's.
func (c *config) trust() (own func() (*tls.Certificate, error), roots *x509.CertPool, err error) {
	own = func() (*tls.Certificate, error) { return c.load(&c.Peer.keyPair) }
	cert, err := own()
	if err != nil {
		return nil, nil, fmt.Errorf("peer: %w", err)
	}
	if err := peer.CheckCertificate(cert.Leaf, c.cells); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.Peer.Certificate, err)
	}
	pem, err := os.ReadFile(c.path(c.Peer.Authority))
	if err != nil {
		return nil, nil, fmt.Errorf("peer: authority: %w", err)
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("peer: authority %s holds no certificate", c.Peer.Authority)
	}
	for _, n := range []struct {
		what string
		use  x509.ExtKeyUsage
	}{{"show others", x509.ExtKeyUsageServerAuth}, {"call others with", x509.ExtKeyUsageClientAuth}} {
		_, err := cert.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between(cert), KeyUsages: []x509.ExtKeyUsage{n.use}})
		if err != nil {
			return nil, nil, fmt.Errorf("peer: certificate %s is none to %s: %w", c.Peer.Certificate, n.what, err)
		}
	}
	return own, roots, nil
}

// between holds the certificates that come with a node's own.
func between(cert *tls.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, der := range cert.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			pool.AddCert(c)
		}
	}
	return pool
}

// minCompare is the least that lies between two scheduled checks for divergence.
const minCompare = time.Minute

// compareEvery reads how often replicas are compared.
func (c *config) compareEvery() (time.Duration, error) {
	if c.Divergence == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(c.Divergence)
	if err != nil || d < minCompare {
		return 0, fmt.Errorf("divergence_check %s: want a span of at least %s, as in 24h", c.Divergence, clock.Words(minCompare))
	}
	return d, nil
}

// sizes reads what has a unit.
func (c *config) sizes() (interval time.Duration, cache, seedRate int64, err error) {
	interval, err1 := parseDurability(c.Durability)
	cache, err2 := cacheSize(c.Cache)
	var err3 error
	if c.SeedRate != "" {
		if seedRate, err3 = parseSize(c.SeedRate); err3 != nil || seedRate <= 0 {
			err3 = fmt.Errorf("seed_rate %s: want bytes a second, as in 64MiB", c.SeedRate)
		}
	}
	return interval, cache, seedRate, errors.Join(err1, err2, err3)
}
