package aws

import "fmt"

// Error is a contract error: part of the API, worded as AWS words it. Any
// other error that reaches the wire becomes InternalServerError.
type Error struct {
	Code    string // The exception's shape name, as in "ValidationException".
	Message string
	Status  int      // The HTTP status; 0 means 400.
	Members []Member // Further members of the error's body, such as Item.
}

// Member is a further member of an error's body. JSON is written as it is.
type Member struct {
	Name string
	JSON []byte
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error with status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: 400}
}

// Validation reports a request that is malformed or breaks a documented limit.
func Validation(format string, args ...any) *Error {
	return Errorf("ValidationException", format, args...)
}

// InvalidParameter is a Validation with AWS's most common opening.
func InvalidParameter(format string, args ...any) *Error {
	return Validation("One or more parameter values were invalid: "+format, args...)
}

// Serialization reports a body whose JSON does not fit the operation's shapes.
func Serialization(message string) *Error {
	return &Error{Code: "SerializationException", Message: message, Status: 400}
}
