package restapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
)

// documents are the parts of the OpenAPI document, each a JSON object whose
// members go into the object of the same name.
//
//go:embed openapi/*.json
var documents embed.FS

// openapi puts the document together.
func openapi() ([]byte, error) {
	read := func(name string) (members map[string]json.RawMessage, err error) {
		text, err := documents.ReadFile(path.Join("openapi", name))
		if err == nil {
			err = json.Unmarshal(text, &members)
		}
		if err != nil {
			err = fmt.Errorf("read %s: %w", name, err)
		}
		return members, err
	}
	whole, err := read("openapi.json")
	if err != nil {
		return nil, err
	}
	paths := map[string]json.RawMessage{}
	for _, name := range []string{"account.json", "tasks.json", "results.json"} {
		part, err := read(name)
		if err != nil {
			return nil, err
		}
		for address, operations := range part {
			paths[address] = operations
		}
	}
	components, err := read("components.json")
	if err != nil {
		return nil, err
	}
	if components["schemas"], err = documents.ReadFile("openapi/schemas.json"); err != nil {
		return nil, err
	}
	if whole["paths"], err = json.Marshal(paths); err != nil {
		return nil, err
	}
	if whole["components"], err = json.Marshal(components); err != nil {
		return nil, err
	}
	return json.Marshal(whole)
}

func (a *API) getDocument(w http.ResponseWriter, _ *http.Request) error {
	header := w.Header()
	header.Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	header.Set("Cache-Control", "no-cache")
	_, _ = w.Write(a.document) // a reader that is gone needs no answer
	return nil
}
