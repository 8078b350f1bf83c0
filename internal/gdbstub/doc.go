// Package gdbstub is the target's side of GDB's remote serial protocol (appendix "GDB Remote
// Serial Protocol" of its manual): packets, and what they ask for. What they ask it of is a
// [Target], which knows nothing of the protocol; the stub knows nothing of how guests are
// stopped, nor of any instruction set.
//
// Everything stops when one thread does ("all-stop"), with any number of processes
// ("multiprocess"). While threads run the connection is only listened to for an interrupt.
//
//   - server.go: the connection's life, from query to query and from stop to stop
//   - packet.go: framing, acknowledgements, escapes
//   - query.go, transfer.go: q and Q packets, qXfer objects
//   - state.go: registers, memory, breakpoints
//   - resume.go: going on, and stop replies; signal.go: numbers of signals
//   - launch.go: programs that GDB starts
//   - tls.go: addresses of thread-local variables
//   - file.go: vFile, by which GDB reads programs and libraries
package gdbstub
