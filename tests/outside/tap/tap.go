// SPDX-License-Identifier: Apache-2.0

// Package tap prints the Test Anything Protocol. The validation programs of
// runtime-tools want a module of this name that Debian does not have; this one offers the few calls
// that they make. Built by scripts/outside-suites, no part of stiva.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

// T is one run of tests.
type T struct {
	n    int
	todo bool
}

// New returns a run without tests.
func New() *T { return &T{} }

// Header prints the plan when the number of tests is known, else the plan comes last.
func (t *T) Header(count int) {
	fmt.Println("TAP version 13")
	if count > 0 {
		fmt.Printf("1..%d\n", count)
	}
}

// AutoPlan prints the plan of the tests that ran.
func (t *T) AutoPlan() { fmt.Printf("1..%d\n", t.n) }

// Ok prints the result of one test.
func (t *T) Ok(good bool, description string) {
	word := "ok"
	if !good {
		word = "not ok"
	}
	t.n++
	if t.todo {
		description += " # TODO"
		t.todo = false
	}
	fmt.Printf("%s %d - %s\n", word, t.n, description)
}

// Pass is a test that succeeded.
func (t *T) Pass(description string) { t.Ok(true, description) }

// Fail is a test that failed.
func (t *T) Fail(description string) { t.Ok(false, description) }

// Skip marks the next count tests as skipped.
func (t *T) Skip(count int, description string) {
	for ; count > 0; count-- {
		t.n++
		fmt.Printf("ok %d # SKIP %s\n", t.n, description)
	}
}

// Diagnostic prints a comment.
func (t *T) Diagnostic(message string) {
	fmt.Println("# " + strings.ReplaceAll(message, "\n", "\n# "))
}

// Diagnosticf prints a comment by a format.
func (t *T) Diagnosticf(format string, args ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, args...))
}

// YAML prints a document below a test; JSON is YAML.
func (t *T) YAML(document interface{}) error {
	text, err := json.MarshalIndent(document, "  ", "  ")
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}

// Todo marks the next test as one whose failure the suite expects.
func (t *T) Todo() *T {
	t.todo = true
	return t
}
