package difftest

// known returns the reason why a difference is not an error in hospes, or "".
func known(m *Mismatch) string {
	for _, k := range knownDifferences {
		if k.match(m) {
			return k.reason
		}
	}
	return ""
}

var knownDifferences = []struct {
	reason string
	match  func(m *Mismatch) bool
}{}
