package main

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// profile writes a CPU profile to a file until the function that it returns is
// called; "" writes none.
func profile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("--profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "hortus: --profile: %v\n", err)
		}
	}, nil
}
