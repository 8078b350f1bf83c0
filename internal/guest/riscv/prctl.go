package riscv

const prSetIcacheFlushCtx = 71 // PR_RISCV_SET_ICACHE_FLUSH_CTX

// Prctl carries out the options of prctl(2) that exist on RISC-V only: here, the
// one by which a program says that it will emit fence.i itself instead of asking
// the kernel to make new code visible. That is always right for a hart that drops
// its decoded code at fence.i (Documentation/arch/riscv/cmodx.rst).
func (arch) Prctl(option int, args [4]uint64) (result int64, known bool) {
	if option != prSetIcacheFlushCtx {
		return 0, false
	}
	const (
		off       = 1 // PR_RISCV_CTX_SW_FENCEI_OFF; on is 0
		perThread = 1 // PR_RISCV_SCOPE_PER_THREAD; per process is 0
	)
	if args[0] > off || args[1] > perThread {
		return einval, true
	}
	return 0, true
}
