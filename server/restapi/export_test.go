package restapi

// OpenAPI is the document.
var OpenAPI = openapi

// FeedLength is how many events can be sent again.
const FeedLength = feedLength

// Routes lists method, path and scope of every operation.
func (a *API) Routes() (list [][3]string) {
	for _, r := range a.routes {
		list = append(list, [3]string{r.method, r.path, string(r.scope)})
	}
	return list
}

// CreationsName is a setting with creations; there are CreationShards of them.
var CreationsName = creationsName

// CreationShards is how many settings there are with creations.
const CreationShards = creationShards
