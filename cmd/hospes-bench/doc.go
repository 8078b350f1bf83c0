package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// docFile has the tables between lines "<!-- bench KEY -->" and "<!-- end -->".
var docFile = filepath.Join("docs", "performance.md")

// updateDoc replaces the tables that are whole.
func updateDoc(conditions string, tables []table) error {
	for _, t := range tables {
		if !t.whole {
			continue
		}
		file := cmp.Or(t.file, docFile)
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text, err := replaceSection(string(b), t.key, conditions+"\n\n"+t.markdown())
		if err != nil {
			return fmt.Errorf("%s has %w", file, err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// replaceSection puts text between the marks of a key.
func replaceSection(doc, key, text string) (string, error) {
	const end = "<!-- end -->"
	begin := "<!-- bench " + key + " -->\n"
	head, rest, ok := strings.Cut(doc, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("no place for %q", key)
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
