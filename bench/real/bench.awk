# Counts words, and sums numbers, of a text.
{
	for (i = 1; i <= NF; i++) {
		w = tolower($i)
		gsub(/[^a-z]/, "", w)
		count[w]++
		sum += length($i) * NR % 7
	}
	if (match($0, /th[a-z]+n/))
		found += RSTART
}
END {
	for (w in count) {
		n++
		if (count[w] > most || count[w] == most && w < best) {
			most = count[w]
			best = w
		}
	}
	printf "%d %s %d %.0f %d\n", n, best, most, sum, found
}
