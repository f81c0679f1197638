package wire

// The names that nearly every request has, in lower case. They are never
// written to.
var (
	lowerHost          = []byte("host")
	lowerContentLength = []byte("content-length")
	lowerContentType   = []byte("content-type")
	lowerUserAgent     = []byte("user-agent")
	lowerAuthorization = []byte("authorization")
	lowerAmzTarget     = []byte("x-amz-target")
	lowerAmzDate       = []byte("x-amz-date")
	lowerAmzToken      = []byte("x-amz-security-token")
	lowerAccept        = []byte("accept")
	lowerAcceptEnc     = []byte("accept-encoding")
	lowerConnection    = []byte("connection")
	lowerInvocationID  = []byte("amz-sdk-invocation-id")
	lowerSDKRequest    = []byte("amz-sdk-request")
)

// wellKnown returns the lower-case form of a header name as the engine
// normalizes it, or nil if it is not among the usual ones.
func wellKnown(name []byte) []byte {
	switch string(name) {
	case "Host":
		return lowerHost
	case "Content-Length":
		return lowerContentLength
	case "Content-Type":
		return lowerContentType
	case "User-Agent":
		return lowerUserAgent
	case "Authorization":
		return lowerAuthorization
	case "X-Amz-Target":
		return lowerAmzTarget
	case "X-Amz-Date":
		return lowerAmzDate
	case "X-Amz-Security-Token":
		return lowerAmzToken
	case "Accept":
		return lowerAccept
	case "Accept-Encoding":
		return lowerAcceptEnc
	case "Connection":
		return lowerConnection
	case "Amz-Sdk-Invocation-Id":
		return lowerInvocationID
	case "Amz-Sdk-Request":
		return lowerSDKRequest
	}
	return nil
}
