package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The parts of a bill of materials that are used here (CycloneDX 1.5, bom-1.5.schema.json).
type (
	bill struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp"`
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version"`
		PURL       string     `json:"purl"`
		Properties []property `json:"properties,omitempty"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	dependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn"`
	}
)

// billOfMaterials says which modules are linked into the commands of a directory, and with
// which version of Go, by what the linker has recorded in them.
func billOfMaterials(dir, version string, at time.Time) ([]byte, error) {
	b := bill{Format: "CycloneDX", Spec: "1.5", Version: 1}
	modules := map[string]component{}
	for _, c := range commands {
		info, err := buildinfo.ReadFile(filepath.Join(dir, c))
		if err != nil {
			return nil, err
		}
		app := newComponent("application", info.Main.Path+"/cmd/"+c, version)
		goVersion := strings.TrimPrefix(info.GoVersion, "go")
		std := newComponent("library", "stdlib", goVersion)
		modules[std.Ref] = std
		on := []string{std.Ref}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			lib := newComponent("library", m.Path, m.Version)
			if m.Sum != "" {
				lib.Properties = []property{{"go:sum", m.Sum}}
			}
			modules[lib.Ref] = lib
			on = append(on, lib.Ref)
		}
		slices.Sort(on)
		b.Components = append(b.Components, app)
		b.Dependencies = append(b.Dependencies, dependency{app.Ref, on})
		b.Metadata = metadata{at.Format(time.RFC3339), newComponent("application", info.Main.Path, version)}
	}
	for _, m := range modules {
		b.Components = append(b.Components, m)
		b.Dependencies = append(b.Dependencies, dependency{m.Ref, []string{}})
	}
	slices.SortFunc(b.Components, func(x, y component) int { return strings.Compare(x.Ref, y.Ref) })
	slices.SortFunc(b.Dependencies, func(x, y dependency) int { return strings.Compare(x.Ref, y.Ref) })
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

// newComponent names a module by its package URL (github.com/package-url/purl-spec, golang).
func newComponent(kind, path, version string) component {
	purl := fmt.Sprintf("pkg:golang/%s@%s", path, strings.ReplaceAll(version, "+", "%2B"))
	return component{Type: kind, Ref: purl, Name: path, Version: version, PURL: purl}
}
