package gdbstub

// gdbSignals are GDB's numbers of Linux's signals 1 to 31 (include/gdb/signals.def).
var gdbSignals = [...]int{
	1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 10, 8: 8, 9: 9, 10: 30, 11: 11, 12: 31, 13: 13, 14: 14, 15: 15,
	16: unknownSignal, 17: 20, 18: 19, 19: 17, 20: 18, 21: 21, 22: 22, 23: 16, 24: 24, 25: 25, 26: 26, 27: 27, 28: 28,
	29: 23, 30: 32, 31: 12,
}

// unknownSignal is GDB_SIGNAL_UNKNOWN.
const unknownSignal = 143

// toGDB is GDB's number of a signal of Linux.
func toGDB(sig int) int {
	switch {
	case sig >= 0 && sig < len(gdbSignals):
		return gdbSignals[sig]
	case sig == 32:
		return 77
	case sig >= 33 && sig <= 63:
		return sig - 33 + 45
	case sig == 64:
		return 78
	}
	return unknownSignal
}

// fromGDB is the inverse; 0 if Linux has no such signal.
func fromGDB(n int) int {
	for sig := 1; sig <= 64; sig++ {
		if toGDB(sig) == n {
			return sig
		}
	}
	return 0
}
