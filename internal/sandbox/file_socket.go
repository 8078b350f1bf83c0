//go:build linux && amd64

package sandbox

// Network is what an embedder gives.
type Network interface{}

type socketNames struct{}
