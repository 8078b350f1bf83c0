//go:build nopoll

package jit

const polls = false
