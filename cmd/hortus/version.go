package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCommand struct{}

func (versionCommand) Run() error { //nolint:unparam // A command of kong returns an error.
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	fmt.Printf("hortus %s %s %s/%s\n", version(info), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

// version is the module's version and the commit that was built, as far as the
// build knows them.
func version(info *debug.BuildInfo) string {
	v := "devel"
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && s.Value != "":
			v += " " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			v += " (with changes)"
		}
	}
	return v
}
