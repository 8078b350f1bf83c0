//go:build linux && !amd64

package sandbox

// faults has nothing to do where nothing is translated.
func faults() {}
