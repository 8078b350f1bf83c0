package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is what this build is of, if the linker was told (-X).
var version string

// printVersion writes the version, and what this build lacks compared with the
// best one, never silently.
func printVersion(w io.Writer) {
	version, revision := cmp.Or(version, "(devel)"), ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && version == "(devel)" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	fmt.Fprintf(w, "hospes %s%s, %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintln(w, "guest: riscv64 Linux; engine: interpreter, translator; memory mappings: offset, table, direct")
	for _, line := range buildNotes() {
		fmt.Fprintln(w, "note:", line)
	}
}
