// Package vfs is the sandbox's virtual file system: file systems mounted into
// namespaces, and Linux's path resolution over them (path_resolution(7)). It knows
// nothing of guests, memory or processes; a Caller says who asks.
//
// The parts, from the file systems up:
//
//   - Node is an inode: what a file system implements. FS is a file system with its
//     tree of entries. There are those of Go's io/fs (io.go), directories of the host
//     (host*.go), memory (mem*.go), and what the kernel makes up (dev.go, proc*.go).
//   - Dentry is a name in a directory, and Path a Dentry in a Mount: a place that stays
//     the same place when it is renamed. Dentries live as long as somebody has them.
//   - Caller resolves names to Paths and makes the calls on them: files go by names of
//     the guest's namespace only, so a symbolic link in a directory of the host never
//     leads out of what is mounted.
//   - Handle is what a file system gives for an open file. It never blocks: it answers
//     EAGAIN, tells what it is ready for, and wakes those in its Queue. File is a Handle
//     with what Linux calls an open file description: flags, offset, locks.
//
// Errors are the numbers that Linux gives; 0 is success.
//
// # Locks
//
// In this order: File.mu; FS.mu (the tree of one file system, held over changes of
// names); Namespace.mu; the locks of a file system's own; Queue.mu, under which nothing
// is called. Of two file systems only one is locked at a time.
package vfs
