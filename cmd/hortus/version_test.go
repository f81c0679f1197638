package main

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	setting := func(k, v string) debug.BuildSetting { return debug.BuildSetting{Key: k, Value: v} }
	for _, c := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"", nil, "devel"},
		{"(devel)", []debug.BuildSetting{setting("GOOS", "linux")}, "devel"},
		{"v1.2.3", nil, "v1.2.3"},
		{"v1.2.3", []debug.BuildSetting{setting("vcs.revision", "abc"), setting("vcs.modified", "false")}, "v1.2.3 abc"},
		{"(devel)", []debug.BuildSetting{setting("vcs.revision", "abc"), setting("vcs.modified", "true")}, "devel abc (with changes)"},
	} {
		info := debug.BuildInfo{Settings: c.settings}
		info.Main.Version = c.version
		if got := version(&info); got != c.want {
			t.Errorf("%+v: %q, want %q", c, got, c.want)
		}
	}
}
