//go:build !(linux && amd64 && !cgo)

// Package early has no effect here; see early.go.
package early
