package difftest

// knownDifferences are those between QEMU and Linux on real hardware, which hospes follows.
//
// One more is kept out of the generated cases, because it spoils what follows it: after
// amocas with rd = x0, QEMU 10.0 reads x0 as the old memory value in the rest of its
// translation block. Sequences therefore have no such instruction; single cases do.
var knownDifferences = []struct {
	reason string
	match  func(m *Mismatch) bool
}{
	{
		"Linux 6.16 and later let user mode clean and flush cache blocks; QEMU's user mode never does",
		func(m *Mismatch) bool {
			clean := m.Case.Name == "cbo.clean" || m.Case.Name == "cbo.flush"
			return clean && m.Want.Signal == sigill && m.Got == m.Case.In
		},
	},
}

const sigill = 4

// known returns the reason why a difference is not an error in hospes, or "".
func known(m *Mismatch) string {
	for _, k := range knownDifferences {
		if k.match(m) {
			return k.reason
		}
	}
	return ""
}
