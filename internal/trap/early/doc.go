//go:build !(linux && amd64 && !race && !msan && !asan)

// Package early has no effect here; see early.go.
package early
