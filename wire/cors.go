package wire

// Headers with which a browser lets a page of another origin call DynamoDB. AWS
// sends such ones; the list of those it exposes, and for how long, are UNCONFIRMED.
const (
	corsExposed = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,x-amz-crc32,Date"
	corsMaxAge  = "172800" // Seconds for which a browser need not ask again.
)

// allowOrigin adds them to the answer of a request that a browser sent for a page:
// such a one has an Origin. Anybody's page may call; the signature says who calls.
func (c *Call) allowOrigin() {
	if c.Header("origin") == nil {
		return
	}
	c.SetHeader("Access-Control-Allow-Origin", "*")
	if string(c.Method) != "OPTIONS" {
		c.SetHeader("Access-Control-Expose-Headers", corsExposed)
		return
	}
	for _, h := range [...]struct{ asked, allowed string }{
		{"access-control-request-headers", "Access-Control-Allow-Headers"},
		{"access-control-request-method", "Access-Control-Allow-Methods"},
	} {
		if asked := c.Header(h.asked); asked != nil {
			c.SetHeader(h.allowed, string(asked))
		}
	}
	c.SetHeader("Access-Control-Max-Age", corsMaxAge)
}
