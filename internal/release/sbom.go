package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The bill of materials is CycloneDX 1.6 (ECMA-424): what the binaries were
// built of, as they say it themselves.
type bill struct {
	Format       string      `json:"bomFormat"`
	SpecVersion  string      `json:"specVersion"`
	SerialNumber string      `json:"serialNumber"`
	Version      int         `json:"version"`
	Metadata     billAbout   `json:"metadata"`
	Components   []component `json:"components"`
}

type billAbout struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hashSum  `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hashSum struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// writeSBOM lists the modules of all binaries together.
func (r *release) writeSBOM(all []built) error {
	modules := map[string]component{}
	var main component
	for _, b := range all {
		info, err := buildinfo.ReadFile(b.file)
		if err != nil {
			return err
		}
		main = moduleComponent("application", &info.Main)
		main.Version = r.version
		main.PURL = "pkg:golang/" + info.Main.Path + "@" + r.version
		main.Ref = main.PURL
		main.Properties = []property{{"go", info.GoVersion}}
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			c := moduleComponent("library", module)
			modules[c.Ref] = c
		}
		std := component{Type: "library", Name: "std", Version: info.GoVersion, PURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
		std.Ref = std.PURL
		modules[std.Ref] = std
	}
	b := bill{
		Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: billAbout{Timestamp: r.date.UTC().Format(time.RFC3339), Component: main},
	}
	for _, ref := range slices.Sorted(maps.Keys(modules)) {
		b.Components = append(b.Components, modules[ref])
	}
	content, err := json.Marshal(b)
	if err != nil {
		return err
	}
	b.SerialNumber = serialNumber(content)
	raw, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "pixivoc-"+strings.ReplaceAll(r.version, "+", "-")+".cdx.json"), append(raw, '\n'), 0o644)
}

func moduleComponent(kind string, module *debug.Module) component {
	c := component{Type: kind, Name: module.Path, Version: module.Version, PURL: "pkg:golang/" + module.Path + "@" + module.Version}
	c.Ref = c.PURL
	if sum, found := strings.CutPrefix(module.Sum, "h1:"); found {
		if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
			c.Hashes = []hashSum{{"SHA-256", hex.EncodeToString(raw)}}
			c.Properties = []property{{"go:sum", module.Sum}}
		}
	}
	return c
}

// serialNumber is a UUID of version 8 (RFC 9562 section 5.8) made of the content,
// so that the same content has the same one.
func serialNumber(content []byte) string {
	sum := sha256.Sum256(content)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
