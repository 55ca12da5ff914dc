// Reads Flux's objects strictly and judges objects by a HelmRelease's health expressions, with Flux's own types and code.
//
// In:  {"manifests": ["apiVersion: …", …], "judged": [{…}, …]}
// Out: one word of Flux's for each judged object: Current, Failed, InProgress, or Error.
// Exit 1 with the decoder's words when a manifest has an unknown field or a wrong type, or its kind is not known here.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	source "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type question struct {
	Manifests []string
	Judged    []json.RawMessage
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
	var evaluator *cel.StatusEvaluator
	for _, manifest := range asked.Manifests {
		found, err := read(manifest)
		if err != nil {
			return err
		}
		if release, ok := found.(*helm.HelmRelease); ok {
			for _, check := range release.Spec.HealthCheckExprs {
				if evaluator, err = cel.NewStatusEvaluator(&check.HealthCheckExpressions); err != nil {
					return err
				}
			}
		}
	}
	answer := []string{}
	for _, raw := range asked.Judged {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return err
		}
		if evaluator == nil {
			return fmt.Errorf("no HelmRelease with health expressions was given")
		}
		result, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			answer = append(answer, "Error")
			continue
		}
		answer = append(answer, string(result.Status))
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func read(manifest string) (any, error) {
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(manifest), &kind); err != nil {
		return nil, err
	}
	known := map[string]any{
		helm.GroupVersion.String() + " HelmRelease":        &helm.HelmRelease{},
		kustomize.GroupVersion.String() + " Kustomization": &kustomize.Kustomization{},
		source.GroupVersion.String() + " GitRepository":    &source.GitRepository{},
	}
	target, ok := known[kind.APIVersion+" "+kind.Kind]
	if !ok {
		return nil, fmt.Errorf("%s %s is not known here", kind.APIVersion, kind.Kind)
	}
	return target, yaml.UnmarshalStrict([]byte(manifest), target)
}
