package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/peer"
)

// Names of an authority's files.
const (
	authorityCertificate = "ca.pem"
	authorityKey         = "ca.key"
)

type certCommand struct {
	CA   certAuthorityCommand `cmd:"" name:"ca" help:"Make an authority: ca.pem and ca.key."`
	Node certNodeCommand      `cmd:"" help:"Make a node's certificate, which names its cells, and its key."`
}

type certAuthorityCommand struct {
	Out  string `default:"." placeholder:"DIR" help:"Where to write it."`
	Days int    `default:"30" help:"How long it is valid."`
}

func (c *certAuthorityCommand) Run() error {
	valid, err := days(c.Days)
	if err != nil {
		return err
	}
	a, err := peer.NewAuthority(clock.Wall{}.Now(), valid)
	if err != nil {
		return err
	}
	certificate, key, err := a.PEM()
	if err != nil {
		return err
	}
	return writePair(c.Out, authorityCertificate, authorityKey, certificate, key)
}

type certNodeCommand struct {
	Name string   `arg:"" help:"The node's name; its files are NAME.pem and NAME.key."`
	Cell []string `required:"" placeholder:"ACCOUNT/REGION" help:"A cell that the node may speak for, as in 111111111111/us-east-1; once for each."`
	Host []string `placeholder:"HOST" help:"A name or an IP address by which clients call the node, for the tls of its configuration; once for each."`
	CA   string   `name:"ca" default:"." placeholder:"DIR" help:"Where the authority is."`
	Out  string   `default:"." placeholder:"DIR" help:"Where to write it."`
	Days int      `default:"30" help:"How long it is valid."`
}

func (c *certNodeCommand) Run() error {
	valid, err := days(c.Days)
	if err != nil {
		return err
	}
	var cells []aws.Cell
	for _, s := range c.Cell {
		id, err := aws.ParseCell(s)
		if err != nil {
			return fmt.Errorf("--cell: %w", err)
		}
		cells = append(cells, id)
	}
	if len(cells) == 0 {
		return errors.New("--cell: want at least one, as in 111111111111/us-east-1: a node that may speak for none is let in nowhere")
	}
	for _, host := range c.Host {
		if net.ParseIP(host) == nil && (host == "" || strings.ContainsAny(host, ":/ ")) {
			return fmt.Errorf("--host %s: want a name or an IP address, without a port", host)
		}
	}
	if filepath.Base(c.Name) != c.Name || c.Name == "ca" {
		return fmt.Errorf("%s is no name for a node's files", c.Name)
	}
	certPEM, err1 := os.ReadFile(filepath.Join(c.CA, authorityCertificate))
	keyPEM, err2 := os.ReadFile(filepath.Join(c.CA, authorityKey))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("no authority (make one with: hortus cert ca): %w", err)
	}
	a, err := peer.LoadAuthority(certPEM, keyPEM)
	if err != nil {
		return err
	}
	certificate, key, err := a.Issue(clock.Wall{}.Now(), valid, c.Name, cells, c.Host...)
	if err != nil {
		return err
	}
	return writePair(c.Out, c.Name+".pem", c.Name+".key", certificate, key)
}

// maxDays bounds how long a certificate for rehearsals is valid.
const maxDays = 825

func days(n int) (time.Duration, error) {
	if n < 1 || n > maxDays {
		return 0, fmt.Errorf("--days %d: want 1 to %d", n, maxDays)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// writePair writes a certificate and its key, which nobody else may read. It
// overwrites nothing.
func writePair(dir, certName, keyName string, certificate, key []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		b    []byte
		mode os.FileMode
	}{{keyName, key, 0o600}, {certName, certificate, 0o644}} {
		name := filepath.Join(dir, f.name)
		out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return err
		}
		_, err = out.Write(f.b)
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
		fmt.Println(name)
	}
	return nil
}
