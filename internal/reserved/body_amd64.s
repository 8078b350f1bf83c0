//go:build linux

// An assembly file allows functions without a body (runtime_amd64.go).
