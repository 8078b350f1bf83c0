//go:build linux && amd64

// Package hostthread decides where Go's runtime gets its threads from, so that a
// limit of the host (RLIMIT_NPROC, pids.max, memory) ends no program.
//
// The runtime ends the process when the host refuses it a thread. A guest may go to
// such a limit at any time, and is to get EAGAIN for the thread that is one too many;
// but the runtime makes its threads when it likes, not when the guest asks for one. So
// threads are made in advance ([Reserve]) on behalf of the guest, who learns what the
// host says to that. They wait, as nothing but host threads. When the runtime wants a
// thread, one of these becomes it, and nothing is asked of the host.
//
// If there is none in reserve and the host refuses, the runtime waits until others have
// ended, and says so if that takes long.
//
// For this [Init] has the runtime's clone function jump to the one here. It looks at
// the code of the function first: in a version of Go that has other code, nothing is
// changed, and the runtime makes its threads itself.
package hostthread
