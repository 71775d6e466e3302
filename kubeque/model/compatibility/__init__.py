"""Rules by which several versions of kubeque can use one queue and the objects that it stores."""
