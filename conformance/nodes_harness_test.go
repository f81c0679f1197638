//go:build conformance

package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/hortusdb/hortus/clock"
	"github.com/hortusdb/hortus/hortusapi"
	"github.com/hortusdb/hortus/hortusapi/client"
)

// node is one of several processes of `hortus serve`, a cell each.
type node struct {
	*server
	place
	config string
	listen string   // For clients.
	met    string   // For peers.
	within []string // A command that runs the node's, with its arguments.
}

// nodes is a mesh of them. Each reaches each other one by a way of its own, which
// the test can cut.
type nodes struct {
	t    *testing.T
	dir  string
	all  []*node
	ways map[[2]int]*way // By who calls and who is called.

	loads int // How often there was a load: each writes keys of its own.
}

type object map[string]any

// newNodes makes certificates and configurations for a node in each place, and
// starts them. Data are in a directory of each, or where data says; settings are
// further ones of each node's configuration.
func newNodes(t *testing.T, places []place, data map[int]string, settings ...object) *nodes {
	t.Helper()
	return makeNodes(t, places, data, func(int, int) bool { return true }, settings...)
}

// makeNodes puts a way that can be cut only where cuttable says so, from i to j;
// the others call each other without anything between.
func makeNodes(t *testing.T, places []place, data map[int]string, cuttable func(i, j int) bool, settings ...object) *nodes {
	t.Helper()
	m := &nodes{t: t, dir: t.TempDir(), ways: map[[2]int]*way{}}
	m.run("cert", "ca", "--out", m.dir)
	for _, p := range places {
		n := &node{place: p, listen: freeAddress(t), met: freeAddress(t)}
		n.config = filepath.Join(m.dir, p.region+".json")
		m.run("cert", "node", p.region, "--cell", p.account+"/"+p.region, "--ca", m.dir, "--out", m.dir)
		m.all = append(m.all, n)
	}
	for i, n := range m.all {
		var peers []object
		for j, other := range m.all {
			if i == j {
				continue
			}
			address := other.met
			if cuttable(i, j) {
				w := newWay(t, address)
				m.ways[[2]int{i, j}], address = w, w.address
			}
			peers = append(peers, object{"address": address, "cells": []object{{"account": other.account, "region": other.region}}})
		}
		dir := data[i]
		if dir == "" {
			dir = n.region + "-data"
		}
		m.configure(n, dir, peers, settings...)
		m.start(i)
	}
	return m
}

// configure writes the configuration of a node.
func (m *nodes) configure(n *node, dir string, peers []object, settings ...object) {
	m.t.Helper()
	config := object{
		"name": n.region, "listen": n.listen, "data": dir, "throttle": false,
		"cells":       []object{{"account": n.account, "region": n.region}},
		"credentials": []object{{"id": "KEY" + n.account, "secret": "secret", "account": n.account}},
		"peer":        object{"listen": n.met, "certificate": n.region + ".pem", "key": n.region + ".key", "authority": "ca.pem"},
		"peers":       peers,
	}
	for _, s := range settings {
		maps.Copy(config, s)
	}
	b, err := json.Marshal(config)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(n.config, b, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// run runs the binary and wants it to succeed.
func (m *nodes) run(args ...string) string {
	m.t.Helper()
	out, code := hortus(m.t, args...)
	if code != 0 {
		m.t.Fatalf("hortus %v: exit code %d: %s", args, code, out)
	}
	return out
}

func (m *nodes) start(i int) {
	args := append(slices.Clone(m.all[i].within), binary, "serve", "--config", m.all[i].config)
	s := launchThis(m.t, exec.Command(args[0], args[1:]...))
	m.all[i].server = s
	m.t.Cleanup(func() {
		if m.t.Failed() {
			m.t.Logf("what %s logged:\n%s", m.all[i].region, s.log.String())
		}
	})
}

// client is one with the node's key.
func (n *node) client(change ...func(*dynamodb.Options)) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: n.region, BaseEndpoint: aws.String("http://" + n.listen),
		Credentials: credentials.NewStaticCredentialsProvider("KEY"+n.account, "secret", ""),
	}, change...)
}

// links asks a node for those that it is an end of.
func (m *nodes) links(ctx context.Context, n *node, table string) []hortusapi.Replication {
	m.t.Helper()
	c := client.Client{Endpoint: "http://" + n.listen, AccessKey: "KEY" + n.account, Secret: "secret", HTTP: http.DefaultClient, Clock: clock.Wall{}}
	var out hortusapi.ReplicationOutput
	if err := c.Call(ctx, "DescribeReplication", hortusapi.ReplicationInput{Table: table}, &out); err != nil {
		m.t.Fatal(err)
	}
	return out.Links
}

// freeAddress chooses a port outside of the range from which systems give ports to
// whoever asks for any: it has to be free until the node takes it.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15_000+rand.IntN(15_000)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// way passes connections on to an address, until it is cut: then nothing passes,
// and nobody is told.
type way struct {
	address string

	mu     sync.Mutex
	cut    bool
	narrow int // Bytes a second, of each connection and way; 0 is no limit.
	came   int // Bytes that were taken from who calls.
	conns  []net.Conn
}

// narrowTo makes the way pass so many bytes a second from now on.
func (w *way) narrowTo(rate int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.narrow = rate
}

// taken is how many bytes were taken from who calls.
func (w *way) taken() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.came
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{address: ln.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.pass(from, to) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		w.set(true)
		w.set(false)
		running.Wait()
	})
	return w
}

// set cuts the way, or heals it: what hung on it then ends.
func (w *way) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut && !cut {
		for _, c := range w.conns {
			_ = c.Close()
		}
		w.conns = nil
	}
	w.cut = cut
}

func (w *way) pass(from net.Conn, to string) {
	there, err := net.Dial("tcp", to)
	if err != nil {
		_ = from.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, from, there)
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.copy(there, from, true) })
	both.Go(func() { w.copy(from, there, false) })
	both.Wait()
}

// copy passes on what comes, at the rate of the way, and swallows it while the way is
// cut.
func (w *way) copy(to, from net.Conn, called bool) {
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		cut, rate := w.cut, w.narrow
		if called {
			w.came += n
		}
		w.mu.Unlock()
		if rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
		if n > 0 && !cut {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
