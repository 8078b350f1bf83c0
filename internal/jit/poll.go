//go:build !nopoll

package jit

// polls says that traces look at the interrupt word. The build tag nopoll is for measuring what
// that costs: programs without signals, threads and forks run without.
const polls = true
