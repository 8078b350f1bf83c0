//go:build linux

package sandbox

import (
	"syscall"

	"github.com/hospes-vm/hospes/internal/guest"
	"github.com/hospes-vm/hospes/internal/linux/uapi"
	"github.com/hospes-vm/hospes/internal/mem"
)

// Support says how far a system call is there.
type Support uint8

const (
	Full    Support = iota // as Linux has it
	Partial                // the note says what is missing
	None                   // fails as on a kernel without it; the note says why
)

func (s Support) String() string { return [...]string{"full", "partial", "none"}[s] }

// Row is one system call: its number in the generic table
// (include/uapi/asm-generic/unistd.h), its name, what carries it out, and how far.
type Row struct {
	Nr      int
	Name    string
	Do      Handler
	Support Support
	Note    string
}

// Call is one system call under way.
type Call struct {
	Row  *Row
	Args [6]uint64
}

// Int is argument i as a C int.
func (c *Call) Int(i int) int { return int(int32(c.Args[i])) }

// Uint is argument i as a C unsigned int.
func (c *Call) Uint(i int) uint32 { return uint32(c.Args[i]) }

// Handler carries out a system call. It returns the result, or an errno: one of
// Linux's or one of the restart codes below.
type Handler func(t *Task, c *Call) (uint64, syscall.Errno)

// Restart codes, which never reach the guest.
const (
	ERESTARTSYS           = uapi.ERESTARTSYS
	ERESTARTNOINTR        = uapi.ERESTARTNOINTR
	ERESTARTNOHAND        = uapi.ERESTARTNOHAND
	ERESTART_RESTARTBLOCK = uapi.ERESTART_RESTARTBLOCK // continues what Task.restart says

	// errNoResult is what rt_sigreturn and execve return: the registers are the result.
	errNoResult = syscall.Errno(0x10000)
)

// always returns a handler that fails with e; 0 is success without any effect.
func always(e syscall.Errno) Handler {
	return func(*Task, *Call) (uint64, syscall.Errno) { return 0, e }
}

// value returns a handler whose result does not depend on arguments.
func value(f func(t *Task) int) Handler {
	return func(t *Task, _ *Call) (uint64, syscall.Errno) { return uint64(f(t)), 0 }
}

// table is indexed by system call number.
type table []*Row

// unknownCall is what numbers without a row mean.
var unknownCall = Row{Nr: -1, Name: "unknown", Do: always(syscall.ENOSYS), Support: None}

// row returns the row of a number.
func (tb table) row(nr uint64) *Row {
	if nr < uint64(len(tb)) && tb[nr] != nil {
		return tb[nr]
	}
	return &unknownCall
}

// newTable returns the generic rows and those of arch.
func newTable(arch guest.Arch) table {
	tb := make(table, 512)
	for _, rows := range [][]Row{Rows, FileRows} {
		for i := range rows {
			tb[rows[i].Nr] = &rows[i]
		}
	}
	for _, s := range arch.Syscalls() {
		tb[s.Nr] = &Row{Nr: int(s.Nr), Name: s.Name, Do: archCall(s.Do)}
	}
	return tb
}

// archCall makes a handler of an architecture's own system call.
func archCall(do func(guest.CPU, *mem.Space, [6]uint64) int64) Handler {
	return func(t *Task, c *Call) (uint64, syscall.Errno) {
		r := do(t.CPU, t.Mem, c.Args)
		if r < 0 && r >= -4095 {
			return 0, syscall.Errno(-r)
		}
		return uint64(r), 0
	}
}

// Rows is the system call table without the calls that are about files (FileRows), in the order
// of the numbers.
var Rows = []Row{
	{74, "signalfd4", sysSignalfd4, Partial, "it is of the process that has made it, whoever reads"},
	{90, "capget", sysCapget, Full, ""},
	{91, "capset", always(0), Partial, "has no effect"},
	{92, "personality", sysPersonality, Partial, "has no effect"},
	{93, "exit", sysExit, Full, ""},
	{94, "exit_group", sysExitGroup, Full, ""},
	{95, "waitid", sysWaitid, Full, ""},
	{96, "set_tid_address", sysSetTidAddress, Full, ""},
	{97, "unshare", sysUnshare, Partial, "descriptors and directories only"},
	{98, "futex", sysFutex, Full, ""},
	{99, "set_robust_list", sysSetRobustList, Full, ""},
	{100, "get_robust_list", sysGetRobustList, Full, ""},
	{101, "nanosleep", sysNanosleep, Full, ""},
	{102, "getitimer", sysGetitimer, Full, ""},
	{103, "setitimer", sysSetitimer, Full, ""},
	{104, "kexec_load", always(syscall.EPERM), None, "never in a sandbox"},
	{105, "init_module", always(syscall.EPERM), None, "never in a sandbox"},
	{106, "delete_module", always(syscall.EPERM), None, "never in a sandbox"},
	{107, "timer_create", sysTimerCreate, Full, ""},
	{108, "timer_gettime", sysTimerGettime, Full, ""},
	{109, "timer_getoverrun", sysTimerGetoverrun, Full, ""},
	{110, "timer_settime", sysTimerSettime, Full, ""},
	{111, "timer_delete", sysTimerDelete, Full, ""},
	{112, "clock_settime", sysClockSettime, None, "the time is the embedding program's"},
	{113, "clock_gettime", sysClockGettime, Full, ""},
	{114, "clock_getres", sysClockGetres, Full, ""},
	{115, "clock_nanosleep", sysClockNanosleep, Partial, "not on clocks of processor time"},
	{116, "syslog", always(syscall.EPERM), None, "there is no log"},
	{117, "ptrace", always(syscall.EPERM), None, "guests do not trace each other in a sandbox"},
	{118, "sched_setparam", sysSchedSetparam, Partial, "no policies of real time"},
	{119, "sched_setscheduler", sysSchedSetscheduler, Partial, "no policies of real time"},
	{120, "sched_getscheduler", sysSchedGetscheduler, Full, ""},
	{121, "sched_getparam", sysSchedGetparam, Full, ""},
	{122, "sched_setaffinity", sysSchedSetaffinity, Partial, "the host chooses the processor"},
	{123, "sched_getaffinity", sysSchedGetaffinity, Full, ""},
	{124, "sched_yield", sysSchedYield, Full, ""},
	{125, "sched_get_priority_max", schedPriority(99), Full, ""},
	{126, "sched_get_priority_min", schedPriority(1), Full, ""},
	{127, "sched_rr_get_interval", sysSchedRRGetInterval, Full, ""},
	{128, "restart_syscall", sysRestartSyscall, Full, ""},
	{129, "kill", sysKill, Full, ""},
	{130, "tkill", sysTkill, Full, ""},
	{131, "tgkill", sysTgkill, Full, ""},
	{132, "sigaltstack", sysSigaltstack, Full, ""},
	{133, "rt_sigsuspend", sysRtSigsuspend, Full, ""},
	{134, "rt_sigaction", sysRtSigaction, Full, ""},
	{135, "rt_sigprocmask", sysRtSigprocmask, Full, ""},
	{136, "rt_sigpending", sysRtSigpending, Full, ""},
	{137, "rt_sigtimedwait", sysRtSigtimedwait, Full, ""},
	{138, "rt_sigqueueinfo", sysRtSigqueueinfo, Full, ""},
	{139, "rt_sigreturn", sysRtSigreturn, Full, ""},
	{140, "setpriority", sysSetpriority, Partial, "has no effect"},
	{141, "getpriority", sysGetpriority, Full, ""},
	{142, "reboot", always(syscall.EPERM), None, "never in a sandbox"},
	{143, "setregid", setResID(groupIDs, setReID), Full, ""},
	{144, "setgid", setResID(groupIDs, setID), Full, ""},
	{145, "setreuid", setResID(userIDs, setReID), Full, ""},
	{146, "setuid", setResID(userIDs, setID), Full, ""},
	{147, "setresuid", setResID(userIDs, setAllIDs), Full, ""},
	{148, "getresuid", getResID(userIDs), Full, ""},
	{149, "setresgid", setResID(groupIDs, setAllIDs), Full, ""},
	{150, "getresgid", getResID(groupIDs), Full, ""},
	{151, "setfsuid", setFSID(userIDs), Full, ""},
	{152, "setfsgid", setFSID(groupIDs), Full, ""},
	{153, "times", sysTimes, Full, ""},
	{154, "setpgid", sysSetpgid, Full, ""},
	{155, "getpgid", sysGetpgid, Full, ""},
	{156, "getsid", sysGetsid, Full, ""},
	{157, "setsid", sysSetsid, Full, ""},
	{158, "getgroups", sysGetgroups, Full, ""},
	{159, "setgroups", sysSetgroups, Full, ""},
	{160, "uname", sysUname, Full, ""},
	{161, "sethostname", sysSethostname, Full, ""},
	{162, "setdomainname", always(syscall.EPERM), None, "there is no domain"},
	{163, "getrlimit", sysGetrlimit, Full, ""},
	{164, "setrlimit", sysSetrlimit, Full, ""},
	{165, "getrusage", sysGetrusage, Partial, "times and the size only"},
	{167, "prctl", sysPrctl, Partial, "options without effect in a sandbox"},
	{168, "getcpu", sysGetcpu, Full, ""},
	{169, "gettimeofday", sysGettimeofday, Full, ""},
	{170, "settimeofday", always(syscall.EPERM), None, "the time is the embedding program's"},
	{171, "adjtimex", always(syscall.EPERM), None, "the time is the embedding program's"},
	{172, "getpid", value(func(t *Task) int { return t.P.Pid }), Full, ""},
	{173, "getppid", sysGetppid, Full, ""},
	{174, "getuid", getID(userIDs, false), Full, ""},
	{175, "geteuid", getID(userIDs, true), Full, ""},
	{176, "getgid", getID(groupIDs, false), Full, ""},
	{177, "getegid", getID(groupIDs, true), Full, ""},
	{178, "gettid", value(func(t *Task) int { return t.TID }), Full, ""},
	{179, "sysinfo", sysSysinfo, Full, ""},
	{214, "brk", sysBrk, Full, ""},
	{215, "munmap", sysMunmap, Full, ""},
	{216, "mremap", sysMremap, Full, ""},
	{220, "clone", sysClone, Partial, "no namespaces"},
	{221, "execve", sysExecve, Full, ""},
	{222, "mmap", sysMmap, Full, ""},
	{226, "mprotect", sysMprotect, Full, ""},
	{227, "msync", sysMsync, Full, ""},
	{228, "mlock", sysMlock, Partial, "the host pages"},
	{229, "munlock", sysMlock, Full, ""},
	{230, "mlockall", sysMlockall, Partial, "the host pages"},
	{231, "munlockall", always(0), Full, ""},
	{232, "mincore", sysMincore, Partial, "all is there"},
	{233, "madvise", sysMadvise, Partial, "no MADV_REMOVE; MADV_DONTNEED keeps copies of files that the host does not have"},
	{240, "rt_tgsigqueueinfo", sysRtTgsigqueueinfo, Full, ""},
	{241, "perf_event_open", always(syscall.ENOENT), None, "there are no counters"},
	{260, "wait4", sysWait4, Full, ""},
	{261, "prlimit64", sysPrlimit64, Full, ""},
	{266, "clock_adjtime", always(syscall.EPERM), None, "the time is the embedding program's"},
	{268, "setns", always(syscall.EPERM), None, "there are no namespaces"},
	{274, "sched_setattr", sysSchedSetattr, Partial, "no policies of real time"},
	{275, "sched_getattr", sysSchedGetattr, Full, ""},
	{278, "getrandom", sysGetrandom, Full, ""},
	{280, "bpf", always(syscall.EPERM), None, "as a kernel that denies BPF to users"},
	{281, "execveat", sysExecveat, Full, ""},
	{283, "membarrier", sysMembarrier, Partial, "no restartable sequences"},
	{284, "mlock2", sysMlock, Partial, "the host pages"},
	{288, "pkey_mprotect", sysPkeyMprotect, Full, ""},
	{289, "pkey_alloc", always(syscall.ENOSPC), None, "riscv has no protection keys"},
	{290, "pkey_free", always(syscall.EINVAL), None, "riscv has no protection keys"},
	{424, "pidfd_send_signal", sysPidfdSendSignal, Full, ""},
	{434, "pidfd_open", sysPidfdOpen, Full, ""},
	{435, "clone3", sysClone3, Partial, "no namespaces"},
	{438, "pidfd_getfd", sysPidfdGetfd, Full, ""},
	{449, "futex_waitv", sysFutexWaitv, Full, ""},
	{454, "futex_wake", sysFutexWake, Full, ""},
	{455, "futex_wait", sysFutexWait, Full, ""},
	{456, "futex_requeue", sysFutexRequeue, Full, ""},
}
