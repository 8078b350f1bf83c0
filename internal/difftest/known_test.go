package difftest

import "strings"

// knownDifferences are those between QEMU and Linux on real hardware, which hospes follows.
//
// Whether an SC succeeds after an LR of another width is the implementation's choice;
// sequences have only one width.
var knownDifferences = []struct {
	reason string
	match  func(m *Mismatch) bool
}{
	{
		"Linux 6.16 and later let user mode clean and flush cache blocks; QEMU's user mode never does",
		func(m *Mismatch) bool {
			clean := m.Case.Name == "cbo.clean" || m.Case.Name == "cbo.flush"
			return clean && m.Want.Signal == sigill && m.Got.Signal != sigill
		},
	},
	{
		"an SC without a reservation need not look at its address: QEMU faults if that is bad, the manual's formal model and hospes do not",
		func(m *Mismatch) bool {
			sc := strings.HasPrefix(m.Case.Name, "sc.")
			return sc && m.Want.Signal == sigsegv && m.Got.Signal == 0
		},
	},
	{
		"an x86 host does not tell QEMU the address of an access that is not canonical",
		func(m *Mismatch) bool {
			got := m.Got
			high := int64(got.Addr) >> 47
			got.Addr = 0
			return got == m.Want && got.Signal == sigsegv && high != 0 && high != -1
		},
	},
}

const (
	sigill  = 4
	sigsegv = 11
)

// known returns the reason why a difference is not an error in hospes, or "".
func known(m *Mismatch) string {
	for _, k := range knownDifferences {
		if k.match(m) {
			return k.reason
		}
	}
	return ""
}
