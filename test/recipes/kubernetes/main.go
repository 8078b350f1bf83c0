// Command kubernetes checks manifests of DaemonSets: it decodes each file that is named into
// the type of Kubernetes' API, in which all fields must exist, and holds it against what
// the API server demands of it. It is a module of its own, because nothing else
// here needs those types.
package main

import (
	"errors"
	"fmt"
	"os"

	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

func main() {
	for _, file := range os.Args[1:] {
		if err := check(file); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
			os.Exit(1)
		}
		fmt.Println(file, "is a DaemonSet")
	}
}

func check(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var d apps.DaemonSet
	if err := yaml.UnmarshalStrict(text, &d); err != nil {
		return err
	}
	if want := (meta.TypeMeta{Kind: "DaemonSet", APIVersion: apps.SchemeGroupVersion.String()}); d.TypeMeta != want {
		return fmt.Errorf("it is %v, not %v", d.TypeMeta, want)
	}
	if len(content.IsDNS1123Subdomain(d.Name)) > 0 {
		return fmt.Errorf("%q is no name", d.Name)
	}
	selector, err := meta.LabelSelectorAsSelector(d.Spec.Selector)
	switch {
	case err != nil:
		return err
	case d.Spec.Selector == nil || selector.Empty():
		return errors.New("it selects nothing")
	case !selector.Matches(labels.Set(d.Spec.Template.Labels)):
		return errors.New("it does not select its own pods")
	}
	return checkPod(&d)
}

// checkPod checks what the API server wants of containers.
func checkPod(d *apps.DaemonSet) error {
	pod := &d.Spec.Template.Spec
	if len(pod.Containers) == 0 {
		return errors.New("it has no containers")
	}
	names, volumes := map[string]bool{}, map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		if len(content.IsDNS1123Label(c.Name)) > 0 || names[c.Name] || c.Image == "" {
			return fmt.Errorf("container %q of image %q", c.Name, c.Image)
		}
		names[c.Name] = true
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				return fmt.Errorf("container %s mounts %q, which is no volume", c.Name, m.Name)
			}
		}
		for resource, limit := range c.Resources.Limits {
			if request, ok := c.Resources.Requests[resource]; ok && request.Cmp(limit) > 0 {
				return fmt.Errorf("container %s wants more %s than it may have", c.Name, resource)
			}
		}
	}
	return nil
}
