package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// docFile has the tables between lines "<!-- bench KEY -->" and "<!-- end -->".
var docFile = filepath.Join("docs", "performance.md")

// updateDoc replaces the tables that are whole.
func updateDoc(conditions string, tables []table) error {
	b, err := os.ReadFile(docFile)
	if err != nil {
		return err
	}
	text := string(b)
	for _, t := range tables {
		if !t.whole {
			continue
		}
		if text, err = replaceSection(text, t.key, conditions+"\n\n"+t.markdown()); err != nil {
			return err
		}
	}
	return os.WriteFile(docFile, []byte(text), 0o644)
}

// replaceSection puts text between the marks of a key.
func replaceSection(doc, key, text string) (string, error) {
	const end = "<!-- end -->"
	begin := "<!-- bench " + key + " -->\n"
	head, rest, ok := strings.Cut(doc, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("%s has no place for %q", docFile, key)
	}
	return head + begin + text + end + tail, nil
}

// markdown is the table, with its title.
func (t *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.title)
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.header)
	rule := make([]string, len(t.header))
	for i := range rule {
		rule[i] = "--:"
	}
	rule[0] = ":--"
	line(rule)
	for _, r := range t.rows {
		line(r)
	}
	return b.String()
}
