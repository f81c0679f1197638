package main

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hortusdb/hortus/aws"
)

const goodConfig = `{
	"name": "virginia", "listen": "127.0.0.1:0", "data": "data",
	"cells": [{"account": "111111111111", "region": "us-east-1"}],
	"credentials": [{"id": "KEY", "secret": "s", "account": "111111111111"}],
	"peer": {"listen": "127.0.0.1:0", "certificate": "v.pem", "key": "v.key", "authority": "ca.pem"},
	"peers": [{"address": "10.0.0.2:9000", "cells": [{"account": "222222222222", "region": "eu-west-1"}]}]
}`

func TestConfig(t *testing.T) {
	read := func(text string) (*config, error) {
		file := filepath.Join(t.TempDir(), "node.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readConfig(file)
	}
	c, err := read(goodConfig)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.path(c.Data); got != filepath.Join(c.dir, "data") || !filepath.IsAbs(got) {
		t.Errorf("data is in %s", got)
	}
	if n := c.nodes(); len(n) != 1 || n[0].Cells[0].String() != "222222222222/eu-west-1" {
		t.Errorf("nodes %v", n)
	}
	for _, bad := range []struct{ old, new, want string }{
		{`"name"`, `"Name": "first", "name"`, "name: it is given twice"},
		{`{"id": "KEY"`, `{"id": "ONE", "id": "KEY"`, "credentials[0].id: it is given twice"},
		{`"authority"`, `"key": "w.key", "authority"`, "peer.key: it is given twice"},
		{`"peers": [`, `"peers": [{"address": "10.0.0.2:9000", "cells": [{"account": "333333333333", "region": "eu-west-1"}]}, `, "peers[1].address: 10.0.0.2:9000 is that of peers[0] already"},
		{`"listen": "127.0.0.1:0", "data"`, `"metrics": "127.0.0.1:8000", "listen": ":8000", "data"`, "metrics: 127.0.0.1:8000 takes the port of listen, :8000"},
		{`"name"`, `"nameOf"`, `unknown field "nameOf"`},
		{`"certificate"`, `"cert"`, `unknown field "cert"`},
		{`"listen": "127.0.0.1:0", "data"`, `"listen": "8000", "data"`, "listen: want an address and a port"},
		{`"listen": "127.0.0.1:0", "data"`, `"listen": "127.0.0.1:99999", "data"`, "port 99999: want a number from 0 to 65535"},
		{`"listen": "127.0.0.1:0", "data"`, `"metrics": "9100", "listen": "127.0.0.1:0", "data"`, "metrics: want an address and a port"},
		{`"data": "data"`, `"data": ""`, "data: want a directory"},
		{`"us-east-1"`, `"us-east1"`, `cells[0].region: "us-east1" is not a Region`},
		{`"account": "111111111111", "region"`, `"account": "1111", "region"`, "cells[0].account: want twelve digits"},
		{`"222222222222", "region": "eu-west-1"`, `"111111111111", "region": "us-east-1"`, "peers[0].cells[0]: 111111111111/us-east-1 is in cells[0] already"},
		{`[{"id": "KEY", "secret": "s", "account": "111111111111"}]`, `[]`, "nobody is let in without"},
		{`"secret": "s"`, `"secret": ""`, "credentials: entry 1"},
		{`"peer": {"listen": "127.0.0.1:0", "certificate": "v.pem", "key": "v.key", "authority": "ca.pem"},`, ``, "peer: want listen, certificate, key and authority"},
		{`"authority": "ca.pem"`, `"authority": ""`, "peer: want listen"},
		{`10.0.0.2:9000`, `10.0.0.2`, "peers[0].address"},
		{`[{"id": "KEY", "secret": "s", "account": "111111111111"}]`, `[{"id": "KEY", "secret": "s", "account": "111111111111"}, {"id": "KEY", "secret": "t", "account": "111111111111"}]`, "credentials: entry 2: the id KEY is that of entry 1 already"},
		{`"secret": "s", "account": "111111111111"`, `"secret": "s", "account": "222222222222"`, "credentials: entry 1: account 222222222222 has no cell on this node"},
		{`{"listen": "127.0.0.1:0", "certificate"`, `{"listen": "10.0.0.2:9000", "certificate"`, "peers[0].address: 10.0.0.2:9000 is this node itself"},
	} {
		text := strings.Replace(goodConfig, bad.old, bad.new, 1)
		if text == goodConfig {
			t.Fatalf("%s is not there", bad.old)
		}
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v, want %s", bad.new, err, bad.want)
		}
	}
	if _, err := read(goodConfig + "{}"); err == nil {
		t.Error("a second object is taken")
	}
}

// TestCollide: two listeners of a node are on two ports, or on two addresses of it.
func TestCollide(t *testing.T) {
	for _, c := range []struct {
		x, y string
		want bool
	}{
		{"127.0.0.1:8000", "127.0.0.1:8000", true},
		{"127.0.0.1:8000", "localhost:8000", true},
		{"127.0.0.1:8000", "127.0.0.1:8001", false},
		{"127.0.0.1:8000", "127.0.0.2:8000", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{"0.0.0.0:8000", "10.0.0.1:8000", true},
		{"0.0.0.0:8000", "[::1]:8000", false},
		{":8000", "10.0.0.1:8000", true},
		{"[::]:8000", "0.0.0.0:8000", true},
		{"node.example:8000", "node.example:8000", true},
		{"node.example:8000", "10.0.0.1:8000", false},
		{"127.0.0.1:8000", "", false},
	} {
		if got, other := collide(c.x, c.y), collide(c.y, c.x); got != c.want || other != c.want {
			t.Errorf("%s and %s: %t, %t, want %t", c.x, c.y, got, other, c.want)
		}
	}
}

// TestCertificates: a certificate is made for the cells that it is asked for, and
// trust wants it to name the node's.
func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	if err := (&certAuthorityCommand{Out: dir, Days: 1}).Run(); err != nil {
		t.Fatal(err)
	}
	node := certNodeCommand{Name: "v", Cell: []string{"111111111111/us-east-1"}, Host: []string{"hortus.example", "127.0.0.1"}, CA: dir, Out: dir, Days: 1}
	if err := node.Run(); err != nil {
		t.Fatal(err)
	}
	if err := node.Run(); err == nil {
		t.Error("a key is overwritten")
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "v.pem"), filepath.Join(dir, "v.key"))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"hortus.example": true, "127.0.0.1": true, "elsewhere.example": false} {
		if err := pair.Leaf.VerifyHostname(host); (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	c := &config{dir: dir, Peer: &peerConfig{Authority: "ca.pem", keyPair: keyPair{"v.pem", "v.key"}}}
	where := map[aws.Cell]string{}
	wrong := func(format string, args ...any) { t.Errorf(format, args...) }
	c.cells = checkCells([]cellConfig{{"111111111111", "us-east-1"}}, "cells", where, wrong)
	if _, _, err := c.trust(); err != nil {
		t.Error(err)
	}
	c.cells = checkCells([]cellConfig{{"222222222222", "us-east-1"}}, "cells", where, wrong)
	if _, _, err := c.trust(); err == nil || !strings.Contains(err.Error(), "does not name 222222222222/us-east-1") {
		t.Errorf("a certificate of another cell: %v", err)
	}
	for _, bad := range []certNodeCommand{
		{Name: "../v", Cell: node.Cell, CA: dir, Out: dir, Days: 1},
		{Name: "x", Cell: []string{"1/us-east-1"}, CA: dir, Out: dir, Days: 1},
		{Name: "x", CA: dir, Out: dir, Days: 1}, // As of --cell "".
		{Name: "x", Cell: node.Cell, CA: t.TempDir(), Out: dir, Days: 1},
		{Name: "x", Cell: node.Cell, CA: dir, Out: dir, Days: 0},
		{Name: "x", Cell: node.Cell, Host: []string{"localhost:8000"}, CA: dir, Out: dir, Days: 1},
	} {
		if bad.Run() == nil {
			t.Errorf("%+v is made", bad)
		}
	}
}

// TestSameListener: a node is found among its own peers by whichever name of this
// machine, and another one on the same port is none.
func TestSameListener(t *testing.T) {
	for _, c := range []struct {
		called, listens string
		want            bool
	}{
		{"10.0.0.2:9000", "10.0.0.2:9000", true},
		{"10.0.0.2:9000", "10.0.0.2:9001", false},
		{"10.0.0.2:9000", "10.0.0.3:9000", false},
		{"10.0.0.2:9000", "0.0.0.0:9000", false},
		{"127.0.0.1:9000", "0.0.0.0:9000", true},
		{"localhost:9000", ":9000", true},
		{"[::1]:9000", "[::]:9000", true},
		{"127.0.0.1:9000", "10.0.0.2:9000", false},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{"node.example:9000", "node.example:9000", true},
	} {
		if got := sameListener(c.called, c.listens); got != c.want {
			t.Errorf("%s at %s: %t", c.called, c.listens, got)
		}
	}
}
