package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestBenchTarget(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, c := range []struct {
		in, name, endpoint, err string
		process                 bool
	}{
		{in: "http://127.0.0.1:8000", name: "127.0.0.1:8000", endpoint: "http://127.0.0.1:8000"},
		{in: "peer=https://h:1", name: "peer", endpoint: "https://h:1"},
		{in: "peer=http://h:1@" + own, name: "peer", endpoint: "http://h:1", process: true},
		{in: "http://h:1@x", err: `"x" is not a process id`},
		{in: "http://h:1@0", err: `"0" is not a process id`},
	} {
		if c.process && runtime.GOOS != "linux" {
			continue
		}
		got, err := new(benchCommand).target(c.in)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.in, err, c.err)
			}
			continue
		}
		if err != nil || got.Name != c.name || got.Endpoint != c.endpoint || (got.Usage != nil) != c.process {
			t.Errorf("%s: %+v, %v", c.in, got, err)
		}
		if c.process {
			if u, err := got.Usage(); err != nil || u.Resident <= 0 {
				t.Errorf("usage of this process: %+v, %v", u, err)
			}
		}
	}
}
