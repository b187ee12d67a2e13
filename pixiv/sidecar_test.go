package pixiv

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func sidecarValidator(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(SidecarSchema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource(sidecarSchemaAddress, document))
	schema, err := compiler.Compile(sidecarSchemaAddress)
	require.NoError(t, err)
	return schema
}

func TestSidecar_JSON(t *testing.T) {
	t.Parallel()
	schema := sidecarValidator(t)
	work := sampleWork()
	work.Caption = `First line<br />second &amp; <a href="https://example.org/">link</a><script>x</script>`
	for name, w := range map[string]*Work{"full": work, "empty": {ID: 1}, "odd": {ID: 2, PageCount: -1, Width: -5, AIType: 9, CreateDate: "never"}} {
		text, err := sidecarOf(MetadataJSON, w, nil)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(value), name)
	}
	text, err := sidecarOf(MetadataJSON, work, nil)
	require.NoError(t, err)
	assert.Equal(t, `{
  "$schema": "https://raw.githubusercontent.com/pixivoc/pixivoc/main/pixiv/schema/work.schema.json",
  "id": 123456789,
  "url": "https://www.pixiv.net/artworks/123456789",
  "title": "Sky over the town",
  "caption": "First line\nsecond & link",
  "caption_html": "First line<br />second &amp; <a href=\"https://example.org/\">link</a><script>x</script>",
  "type": "illust",
  "user": {
    "id": 11,
    "name": "An artist",
    "account": "artist11"
  },
  "tags": [
    {
      "name": "sky"
    },
    {
      "name": "town"
    }
  ],
  "tools": [],
  "series": {
    "id": 77,
    "title": "Towns"
  },
  "created_at": "2026-01-31T12:05:00Z",
  "pages": 3,
  "width": 1200,
  "height": 1600,
  "x_restrict": 1,
  "ai": "yes",
  "bookmarks": 0,
  "views": 0
}
`, string(text))
	// The schema refuses what is not such an object.
	for _, wrong := range []string{`{}`, `[]`, strings.Replace(string(text), `"yes"`, `"maybe"`, 1), strings.Replace(string(text), `123456789,`, `"123456789",`, 1)} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		require.NoError(t, err)
		assert.Error(t, schema.Validate(value), "%.40s", wrong)
	}
}

// The schema names each key that is written.
func TestSidecar_SchemaIsWhole(t *testing.T) {
	t.Parallel()
	var schema struct {
		ID         string                     `json:"$id"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	require.NoError(t, json.Unmarshal([]byte(SidecarSchema()), &schema))
	assert.Equal(t, sidecarSchemaAddress, schema.ID)
	text, err := sidecarJSON(sampleWork(), []FrameRecord{{File: "000000.jpg", DelayMS: 60}})
	require.NoError(t, err)
	var written map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &written))
	assert.Len(t, written, len(schema.Properties))
	for key := range written {
		assert.Contains(t, schema.Properties, key)
	}
}

// xmpTexts reads the character data of each element of a packet, by its name.
func xmpTexts(text []byte) (map[string][]string, error) {
	found := map[string][]string{}
	var path []string
	for decoder := xml.NewDecoder(strings.NewReader(string(text))); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if n := len(path); n > 1 && strings.TrimSpace(string(token)) != "" {
				at := n - 1
				if path[at] == "li" {
					at -= 2
				}
				found[path[at]] = append(found[path[at]], string(token))
			}
		}
	}
}

func TestSidecar_XMP(t *testing.T) {
	t.Parallel()
	work := sampleWork()
	work.Title, work.Caption = `A <b> & "c"`, "one<br />two"
	text, err := sidecarOf(MetadataXMP, work, nil)
	require.NoError(t, err)
	found, err := xmpTexts(text)
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{
		"title": {`A <b> & "c"`}, "creator": {"An artist"}, "description": {"one\ntwo"}, "subject": {"sky", "town"},
		"identifier": {"https://www.pixiv.net/artworks/123456789"}, "CreateDate": {"2026-01-31T12:05:00Z"},
	}, found)
	assert.True(t, strings.HasPrefix(string(text), `<?xpacket begin="`+"\ufeff"))
}

// F9: whatever Pixiv says stays text in each kind of sidecar.
func TestF9_Sidecar_AnyText(t *testing.T) {
	t.Parallel()
	schema := sidecarValidator(t)
	rapid.Check(t, func(t *rapid.T) {
		work := sampleWork()
		part := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"]]>", "<!--", "&lt;", "</rdf:li>", "\x00", "\xff", "<br/>", "\u2028", "<?xpacket end='w'?>"}))
		work.Title, work.Caption, work.User.Name = part.Draw(t, "title"), part.Draw(t, "caption"), part.Draw(t, "name")
		work.Tags[0].Name = part.Draw(t, "tag")
		packet, err := sidecarOf(MetadataXMP, work, nil)
		require.NoError(t, err)
		found, err := xmpTexts(packet)
		require.NoError(t, err)
		require.LessOrEqual(t, len(found), 6)
		object, err := sidecarOf(MetadataJSON, work, nil)
		require.NoError(t, err)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(object)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(value))
	})
}
