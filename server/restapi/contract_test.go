package restapi_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pixivoc/pixivoc/server/restapi"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const documentName = "openapi.json"

// contract is the OpenAPI document, ready to hold requests and answers to it.
type contract struct {
	document map[string]any
	mu       sync.Mutex // a Compiler is for one goroutine at a time
	compiler *jsonschema.Compiler
}

func loadContract(t *testing.T) *contract {
	t.Helper()
	text, err := restapi.OpenAPI()
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // OpenAPI 3.1
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(documentName, document))
	return &contract{document: document.(map[string]any), compiler: compiler}
}

// follow returns what is at a path of keys, through references.
func (c *contract) follow(t *testing.T, keys ...string) (any, string) {
	t.Helper()
	var at any = c.document
	place := "#"
	for _, key := range keys {
		members, ok := at.(map[string]any)
		require.True(t, ok, "%s is no object", place)
		if ref, ok := members["$ref"].(string); ok {
			at, place = c.follow(t, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
			members = at.(map[string]any)
		}
		at = members[key]
		place += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	if members, ok := at.(map[string]any); ok {
		if ref, ok := members["$ref"].(string); ok {
			return c.follow(t, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return at, place
}

// operation finds the path of the document that a request is for.
func (c *contract) operation(t *testing.T, request *http.Request) (path string) {
	t.Helper()
	paths, _ := c.follow(t, "paths")
	got := strings.Split(strings.TrimPrefix(request.URL.EscapedPath(), "/api/v1"), "/")
	best := ""
	for candidate := range paths.(map[string]any) {
		want := strings.Split(candidate, "/")
		if len(want) == len(got) && slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") }) {
			if best == "" || strings.Count(candidate, "{") < strings.Count(best, "{") {
				best = candidate
			}
		}
	}
	return best
}

// check holds a request that was served, and every answer, to the document.
func (c *contract) check(t *testing.T, request *http.Request, sent []byte, answer response) {
	t.Helper()
	path := c.operation(t, request)
	if path == "" {
		require.Equal(t, http.StatusNotFound, answer.status, "%s %s is not in the document", request.Method, request.URL.Path)
		return
	}
	method := strings.ToLower(request.Method)
	if method == "head" {
		method = "get"
	}
	operations, _ := c.follow(t, "paths", path)
	if operations.(map[string]any)[method] == nil {
		require.Contains(t, []int{404, 405, 421}, answer.status, "%s %s is not in the document", request.Method, request.URL.Path)
		return
	}
	if answer.status < 300 && sent != nil {
		_, place := c.follow(t, "paths", path, method, "requestBody", "content", "application/json", "schema")
		c.validate(t, place, sent)
	}
	status := strconv.Itoa(answer.status)
	if declared, _ := c.follow(t, "paths", path, method, "responses"); declared.(map[string]any)[status] == nil {
		require.GreaterOrEqual(t, answer.status, 400, "status %d of %s %s is not in the document", answer.status, request.Method, path)
		status = "default"
	}
	if len(answer.body) == 0 {
		return
	}
	kind, _, err := mime.ParseMediaType(answer.header.Get("Content-Type"))
	require.NoError(t, err)
	content, _ := c.follow(t, "paths", path, method, "responses", status, "content")
	require.Contains(t, content, kind, "%s %s", request.Method, path)
	if strings.HasSuffix(kind, "json") && content.(map[string]any)[kind].(map[string]any)["schema"] != nil {
		_, place := c.follow(t, "paths", path, method, "responses", status, "content", kind, "schema")
		c.validate(t, place, answer.body)
	}
}

func (c *contract) validate(t *testing.T, place string, text []byte) {
	t.Helper()
	c.mu.Lock()
	schema, err := c.compiler.Compile(documentName + place)
	c.mu.Unlock()
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, "%s", text)
	assert.NoError(t, schema.Validate(value), "%s", text)
}

// TestContract_DocumentAndRoutesAgree holds that every operation of the API is
// in the document and the reverse, with the same scope.
func TestContract_DocumentAndRoutesAgree(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	routes := map[string]string{}
	for _, route := range k.api.Routes() {
		routes[route[0]+" "+route[1]] = route[2]
	}
	documented := map[string]string{}
	ids := map[string]bool{}
	paths, _ := k.contract.follow(t, "paths")
	for path, operations := range paths.(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			if method == "parameters" {
				continue
			}
			members := operation.(map[string]any)
			scope, _ := members["x-scope"].(string)
			documented[strings.ToUpper(method)+" "+path] = scope
			id, _ := members["operationId"].(string)
			assert.False(t, id == "" || ids[id], "operationId %q of %s %s", id, method, path)
			ids[id] = true
			if scope == "" {
				assert.Contains(t, members, "security", "%s %s needs no scope, so the document must say so", method, path)
			}
		}
	}
	assert.Equal(t, documented, routes)
}

// TestContract_SchemasCompile also follows every reference.
func TestContract_SchemasCompile(t *testing.T) {
	t.Parallel()
	c := loadContract(t)
	schemas, _ := c.follow(t, "components", "schemas")
	for name := range schemas.(map[string]any) {
		_, err := c.compiler.Compile(documentName + "#/components/schemas/" + name)
		assert.NoError(t, err)
	}
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if ref, ok := value["$ref"].(string); ok {
				found, _ := c.follow(t, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
				assert.NotNil(t, found, ref)
			}
			for _, member := range value {
				walk(member)
			}
		case []any:
			for _, element := range value {
				walk(element)
			}
		}
	}
	walk(map[string]any(c.document))
}

func TestContract_DocumentIsServedToAnyone(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.token = ""
	var document struct{ OpenAPI string }
	require.NoError(t, json.Unmarshal(k.call("GET", "/openapi.json", nil).is(200).body, &document))
	assert.Equal(t, "3.1.0", document.OpenAPI)
}
