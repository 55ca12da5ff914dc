// Reads Prometheus rule groups and made-up series on stdin, and says which alerts' expressions are true at given times.
//
// In:  {"rules": "groups: …", "series": [{"labels": {…}, "samples": [[unix seconds, value], …]}], "at": [unix seconds, …]}
// Out: [["AlertA", …], …], one sorted list for each time. Exit 1 with Prometheus's own words when a rule is not valid.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

type series struct {
	Labels  map[string]string
	Samples [][2]float64
}

type question struct {
	Rules  string
	Series []series
	At     []int64
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "rules")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	options := tsdb.DefaultOptions()
	options.OutOfOrderTimeWindow = time.Duration(400 * 24 * time.Hour).Milliseconds()
	db, err := tsdb.Open(folder, nil, nil, options, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	appender := db.Appender(context.Background())
	for _, one := range asked.Series {
		for _, sample := range one.Samples {
			if _, err := appender.Append(0, labels.FromMap(one.Labels), int64(sample[0])*1000, sample[1]); err != nil {
				return err
			}
		}
	}
	if err := appender.Commit(); err != nil {
		return err
	}
	groups, errs := rulefmt.Parse([]byte(asked.Rules), false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	if len(errs) > 0 {
		return fmt.Errorf("%v", errs)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute})
	answer := [][]string{}
	for _, at := range asked.At {
		firing := []string{}
		for _, group := range groups.Groups {
			for _, rule := range group.Rules {
				query, err := engine.NewInstantQuery(context.Background(), db, nil, rule.Expr, time.Unix(at, 0))
				if err != nil {
					return err
				}
				found := query.Exec(context.Background())
				if found.Err != nil {
					return fmt.Errorf("%s: %w", rule.Alert, found.Err)
				}
				vector, err := found.Vector()
				if err != nil {
					return fmt.Errorf("%s: %w", rule.Alert, err)
				}
				if len(vector) > 0 && !slices.Contains(firing, rule.Alert) {
					firing = append(firing, rule.Alert)
				}
			}
		}
		slices.Sort(firing)
		answer = append(answer, firing)
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
