// Package seccomp is secure computing as seccomp(2) describes it: filters that are
// programs of classic BPF over the system call at hand, chains of them, and the
// precedence of what they decide. It checks programs as the kernel does and
// evaluates them; it performs nothing.
//
// Programs are checked in two steps, as in the kernel: what any classic BPF program
// must satisfy (net/core/filter.c, bpf_check_classic), and what of it a filter of
// system calls may use (kernel/seccomp.c, seccomp_check_filter). So an evaluation
// always ends: jumps go forward only, and the last instruction returns.
package seccomp
