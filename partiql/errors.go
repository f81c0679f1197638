package partiql

import (
	"fmt"
	"strings"

	"github.com/hortusdb/hortus/aws"
	"github.com/hortusdb/hortus/expr"
)

// errMalformed is a statement that the grammar does not know. DynamoDB reads
// statements with the parser of PartiQL's reference implementation and tells its
// words (recorded for "Expected data manipulation", seen of the live service for
// "Unexpected keyword"); DynamoDB Local tells the statement in their place.
func errMalformed(reason string) error {
	return aws.Validation("Statement wasn't well formed, can't be processed: %s", reason)
}

// Why a statement is malformed.
const (
	noManipulation  = "Expected data manipulation"
	noFrom          = "Expected FROM after SELECT list"
	noFromDelete    = "Expected FROM after DELETE"
	noSimplePath    = "Expected identifier for simple path"
	noAssignment    = "Expected '='"
	noRow           = "Expected LEFT_PAREN for row value constructor"
	noReturning     = "Expected ( MODIFIED | ALL ) ( NEW | OLD ) in each returning element."
	noTypeName      = "Expected type name"
	noRightSide     = "Missing right-hand side expression of infix operator"
	noUpperBound    = "Expected expression after AND"
	noAlias         = "Expected identifier for alias"
	groupLiteral    = "Literals (including ordinals) not supported in GROUP BY"
	badPathDot      = "Invalid path dot component"
	badWildcard     = "Invalid use of * in select list"
	notAlone        = "Other expressions may not be present in the select list when '*' is used without dot notation."
	unexpectedAfter = "Unexpected token after expression"
	unexpectedMore  = "Unexpected token after semicolon. (Only one query is allowed.)"
	unexpectedTerm  = "Unexpected term"
	unexpectedWord  = "Unexpected keyword"
	unexpectedSign  = "Unexpected operator"
)

// expected names what must stand in a place.
func expected(text string) string {
	switch text {
	case ")":
		return "Expected RIGHT_PAREN"
	case "]":
		return "Expected RIGHT_BRACKET"
	case ">>":
		return "Expected RIGHT_DOUBLE_ANGLE_BRACKET"
	case "}":
		return "Expected RIGHT_CURLY"
	case ":":
		return "Expected COLON"
	case "BY":
		return "Expected BY"
	}
	return "Expected " + text + " keyword"
}

var (
	errAlias      = aws.Validation("Aliasing is not supported")
	errSource     = aws.Validation("Unexpected from source")
	errOneSource  = aws.Validation("Only select from a single table or index is supported.")
	errProjection = aws.Validation("Select projection doesn't support value or pivot keywords")
	errComponents = aws.Validation("A path may contain at most 2 components in the FROM clause")
	errHierarchy  = aws.Validation("Changing item's hierarchy while reading isn't supported")
	errEmptyName  = aws.Validation("Path component cannot be an empty string")
	errInsertInto = aws.Validation("FROM clause may only contain a single table name in data manipulation statements")
	errOnIndex    = aws.Validation("This operation is not supported on an index")
	errTableName  = aws.Validation("Table name should be within the length [3, 255] and only contain 'a-z', 'A-Z', '0-9', '-', '_', '.'.")
	errBoolean    = aws.Validation("WHERE clause must contain an expression that resolves to a boolean")
	errArguments  = aws.Validation("The arguments to AND/OR must be Expressions")
	errArgument   = aws.Validation("The argument to NOT must be a Type or Expression")
	errMissing    = aws.Validation("MISSING must be compared using IS operator")
	errIn         = aws.Validation("IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with at least one member")
	errIs         = aws.Validation("The left hand side argument to IS must be a Variable Reference, Literal, or Path")
	errNesting    = aws.Validation("Nesting Levels have exceeded supported limits")

	errOrderWhere = aws.Validation("Must have WHERE clause in the statement when using ORDER BY clause.")
	errOrderHash  = aws.Validation("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")

	errOperators        = aws.Validation("The expression contains too many operators; operator count: %d", expr.MaxOperators+1)
	errParameters       = aws.Validation("Number of parameters in request and statement don't match.")
	errKeyOperand       = aws.InvalidParameter("Condition parameter type does not match schema type")
	errDuplicates       = aws.Validation("Input collection contains duplicates")
	errReturning        = aws.Validation("Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause")
	errSeveralReturning = aws.Validation("Invalid syntax with multiple returning elements in RETURNING clause")
	errInsertThere      = aws.Validation("RETURNING is not supported in INSERT")
)

// UnsupportedOperation begins what is told of a statement that DynamoDB does not have.
const UnsupportedOperation = "Unsupported operation: "

func errOperation(name string) error { return aws.Validation("%s%s", UnsupportedOperation, name) }

// errAt is an error at a place of the text.
func errAt(at position, format string, args ...any) error {
	return aws.Validation("%s at %d:%d:%d", fmt.Sprintf(format, args...), at.line, at.column, at.length)
}

// errKeyType is a key attribute that is compared with, or is, a value of
// another type than the key's schema says.
func errKeyType(name string) error {
	return aws.Validation("Key attribute's data type should match its data type in table's schema: Key %s", name)
}

// plain takes the name of a parameter that statements do not have off an error
// of package expr.
func plain(err error) error {
	e, ok := err.(*aws.Error) //nolint:errorlint // Binding returns nothing else, and wraps nothing.
	if !ok {
		return err
	}
	rest, ok := strings.CutPrefix(e.Message, "Invalid ")
	if !ok {
		return err
	}
	if name, message, ok := strings.Cut(rest, ": "); ok && strings.HasSuffix(name, "Expression") {
		return aws.Validation("%s", message)
	}
	return err
}
